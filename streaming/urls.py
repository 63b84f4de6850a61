from django.urls import path

from streaming.web import health, views

urlpatterns = [
    path("api/v1/cameras/<uuid:camera>/stream/info", views.info, name="stream-info"),
    path("api/v1/cameras/<uuid:camera>/stream/snapshot", views.snapshot, name="stream-snapshot"),
    path("api/v1/cameras/stream/metrics", views.metrics, name="stream-metrics"),
    path("api/v1/cameras/test-connection", views.test_connection, name="test-connection"),
    path("metrics", views.prometheus, name="prometheus"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

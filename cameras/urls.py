from django.urls import path

from cameras import views

urlpatterns = [
    path("", views.camera_list, name="cameras"),
    path("cards/order/", views.card_order, name="card-order"),
    path("wall/", views.wall, name="wall"),
]

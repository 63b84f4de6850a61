from django.urls import path

from cameras import views, wall_views

urlpatterns = [
    path("", views.camera_list, name="cameras"),
    path("cards/order/", views.card_order, name="card-order"),
    path("wall/", wall_views.wall, name="wall"),
    path("wall/<slug:slug>/", wall_views.saved_wall, name="saved-wall"),
    path("display/", wall_views.display, name="display"),
]

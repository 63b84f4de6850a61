"""The URLs of WebSockets: the streams of cameras. A WebSocket to any other path is refused."""

from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from streaming.web.consumer import StreamConsumer

websocket_urlpatterns = [
    path("api/v1/cameras/<uuid:camera>/stream", StreamConsumer.as_asgi()),
    re_path("", WebsocketDenier.as_asgi()),
]

"""HTTP and WebSocket entry. Django first: the others' imports need its applications."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nvr.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter

from nvr.origins import SameOriginValidator
from streaming import runtime
from streaming.routing import websocket_urlpatterns

runtime.prepare()

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": SameOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)

import autobahn.websocket.protocol as _p
_p.hltype = _p.hlval = lambda value: value

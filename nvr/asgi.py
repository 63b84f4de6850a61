"""The ASGI application for HTTP and WebSocket. Django is set up first, because the other imports need its apps."""

import os

from streaming.ingest.memory import bound_heaps

bound_heaps()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nvr.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware

from nvr import connections, deadlines, requests, websocket
from nvr.origins import SameOriginValidator
from nvr.proxy_users import with_proxy_user
from streaming import runtime
from streaming.routing import websocket_urlpatterns

runtime.prepare()
websocket.install()
deadlines.limited.set()
requests.install()
connections.install()

streams = SameOriginValidator(CookieMiddleware(URLRouter(websocket_urlpatterns)))
application = with_proxy_user(
    ProtocolTypeRouter({"http": django_application, "websocket": websocket.with_fast_path(streams)})
)

"""Which pages may open a stream: those of this very origin, and those of `CSRF_TRUSTED_ORIGINS`.

Not Channels' AllowedHostsOriginValidator: with "*" in ALLOWED_HOSTS it lets every origin in, and it ignores scheme and
port, so a page of another service on the same host could use the viewer's session.
"""

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import validate_host

DEFAULT_PORTS = {"http": 80, "https": 443}


class SameOriginValidator:
    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"origin", b"host")}
        if is_allowed(headers.get(b"origin", ""), headers.get(b"host", "")):
            return await self.application(scope, receive, send)
        return await WebsocketDenier()(scope, receive, send)


def is_allowed(origin: str, host: str) -> bool:
    """Whether a page of `origin` may open a socket at `host` (the Host header). No origin, no stream."""
    if not origin or not host:
        return False
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        page, server = urlsplit(origin), urlsplit(f"//{host}")
        default = DEFAULT_PORTS.get(page.scheme)
        same = (page.hostname, page.port or default) == (server.hostname, server.port or default)
    except ValueError:
        return False
    return same and default is not None and validate_host(server.hostname or "", settings.ALLOWED_HOSTS)

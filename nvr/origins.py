"""Lets only pages of this origin and of `CSRF_TRUSTED_ORIGINS` open a WebSocket.

Channels' AllowedHostsOriginValidator is not enough. With "*" in ALLOWED_HOSTS it accepts every origin. It ignores
scheme and port, so a page of another service on the same host could use the viewer's session.
"""

from typing import Any
from urllib.parse import SplitResult, urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain

DEFAULT_PORTS = {"http": 80, "https": 443}


class SameOriginValidator:
    """ASGI middleware for WebSockets: passes a handshake on to `application` if `is_allowed` accepts its Origin header,
    and rejects all others with status 403.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"origin", b"host")}
        # With HTTPS=true all pages of the site are https. Daphne does not know the scheme behind a proxy.
        secure = settings.SECURE_SSL_REDIRECT or scope.get("scheme") == "wss"
        if is_allowed(headers.get(b"origin", ""), headers.get(b"host", ""), "https" if secure else "http"):
            return await self.application(scope, receive, send)
        return await WebsocketDenier()(scope, receive, send)


def is_allowed(origin: str, host: str, scheme: str) -> bool:
    """Returns whether a page of `origin` (the Origin header) may open a WebSocket at `host` (the Host header) of a site
    with `scheme` "http" or "https". It may if its origin is the site's own, at a host in ALLOWED_HOSTS, or is in
    CSRF_TRUSTED_ORIGINS. Returns False for an empty origin.
    """
    if not origin or not host:
        return False
    try:
        page, server = urlsplit(origin), urlsplit(f"//{host}")
        if any(_matches(page, urlsplit(trusted)) for trusted in settings.CSRF_TRUSTED_ORIGINS):
            return True
        default = DEFAULT_PORTS[scheme]
        is_same_server = (page.hostname, page.port or default) == (server.hostname, server.port or default)
    except ValueError:
        return False
    name, _ = split_domain_port(host)  # keeps the brackets of an IPv6 address, like ALLOWED_HOSTS
    return page.scheme == scheme and is_same_server and validate_host(name, settings.ALLOWED_HOSTS)


def _matches(page: SplitResult, trusted: SplitResult) -> bool:
    """Whether a page is of a trusted origin. "https://*.example.com" means example.com and its subdomains, as in
    Django.
    """
    if page.scheme != trusted.scheme:
        return False
    return page.netloc == trusted.netloc or (
        trusted.netloc.startswith("*.") and is_same_domain(page.netloc, trusted.netloc[1:])
    )

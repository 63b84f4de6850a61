"""Takes the user's name from a header that a reverse proxy sets after it has signed the user in. Only a proxy at an
address in `PROXY_USER_FROM` that also sends the shared secret is believed.

The address is that of the connection itself. Neither X-Forwarded-For nor another header changes it.
"""

import functools
import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject

from cameras.networks import is_in
from cameras.sign_in import SCOPE_KEY, ProxyUser, user_of
from nvr.sign_in_settings import ProxySettings

Application = Callable[[Any, Any, Any], Awaitable[None]]

logger = logging.getLogger(__name__)


def with_proxy_user(application: Application) -> Application:
    """Wrap an ASGI application: remove the proxy's headers from each scope, and if a trusted proxy sent them, add its
    user to the scope, as a `ProxyUser` with the key SCOPE_KEY. Returns `application` itself if the setting `PROXY_USER`
    is None.
    """
    proxy: ProxySettings | None = settings.PROXY_USER
    if proxy is None:
        return application

    async def call(scope: Any, receive: Any, send: Any) -> None:
        await application(_vouched(scope, _peer_of(send), proxy), receive, send)

    return call


def _peer_of(send: Any) -> str | None:
    """Returns the IP address of the other end of the connection that ASGI's `send` writes to; "" for a Unix socket,
    None if the server is not Daphne.
    """
    protocol = next(iter(getattr(send, "args", ())), None)  # Daphne's `send` is a `partial` that holds it
    try:
        peer = protocol.transport.getPeer()  # type: ignore[union-attr]
    except AttributeError:
        return None
    return str(getattr(peer, "host", ""))


def _vouched(scope: Any, peer: str | None, proxy: ProxySettings) -> Any:
    """Returns a copy of the scope without the proxy's headers. If a trusted proxy sent them, the copy has their user, a
    `ProxyUser`, at the key SCOPE_KEY. `peer`: the address of the connection, "" for a Unix socket, None if unknown.
    Logs why headers are not believed.
    """
    ours = {name.encode(): list[bytes]() for name in (proxy.header, proxy.secret_header, proxy.groups_header) if name}
    kept: list[Any] = []
    for name, value in scope["headers"]:
        if name in ours:
            ours[name].append(value)
        else:
            kept.append((name, value))
    names, secrets = ours[proxy.header.encode()], ours[proxy.secret_header.encode()]
    # Headers that come twice: one may be the client's.
    has_secret = hmac.compare_digest(secrets[0] if len(secrets) == 1 else b"", proxy.secret.encode())
    scope = {**scope, "headers": kept}
    if not any(names):
        return scope
    if peer is None or not (is_in(peer, proxy.networks) if peer else proxy.unix):
        origin = "an unknown address (the server is not Daphne)" if peer is None else peer or "a Unix socket"
        _warn_of(f"it comes from {origin}, which is not in PROXY_USER_FROM")
    elif not has_secret:
        _warn_of(f"{proxy.secret_header} is missing or wrong")
    elif (user := _user_in(names, ours.get(proxy.groups_header.encode()))) is None:
        _warn_of("it came twice, or is not UTF-8")
    else:
        scope[SCOPE_KEY] = user
    return scope


def _user_in(names: list[bytes], groups: list[bytes] | None) -> ProxyUser | None:
    """Returns the user that the proxy's headers name. `names`: all values of the header with the user's name, at
    least one of them not empty. `groups`: all values of the header with the user's groups, which have commas or bars
    between them; [] if the request has no such header, None if the settings name none. Returns None if a header came
    twice or is not UTF-8.
    """
    if len(names) != 1 or len(groups or ()) > 1:
        return None
    try:
        text = None if groups is None else b"".join(groups).decode().replace("|", ",")
        found = None if text is None else tuple(group for part in text.split(",") if (group := part.strip()))
        return ProxyUser(names[0].decode().strip(), found)
    except UnicodeDecodeError:
        return None


@functools.lru_cache(maxsize=100)
def _warn_of(reason: str) -> None:
    """Log why a header with a user's name is not believed, unless `reason` is one of the last 100 different ones."""
    logger.warning("A header with a user's name is not believed: %s", reason)


class ProxyUserMiddleware(MiddlewareMixin):
    """Sets `request.user` to the user that a trusted proxy names, even if the browser is logged in as another user.

    The first use of `request.user` creates a missing user if `ProxySettings.create` is set. With a
    `groups_header`, it also sets the user's groups. The user is anonymous if the site has no active user of that
    name and creates none.

    No session is made: the next request has a user only if the proxy names one in it, or the browser has a session
    of its own.
    """

    def process_request(self, request: HttpRequest) -> None:
        proxy_user: ProxyUser | None = getattr(request, "scope", {}).get(SCOPE_KEY)
        if proxy_user is None:
            return

        proxy: ProxySettings = settings.PROXY_USER  # type: ignore[assignment] # only then is this in use

        @functools.cache
        def find() -> User | AnonymousUser:
            return user_of(proxy_user, create=proxy.create, groups=proxy.groups) or AnonymousUser()

        # The templates use these two. `user` is found when somebody asks for it: many requests need none.
        request.proxy_user = proxy_user  # type: ignore[attr-defined]
        request.proxy_log_out = proxy.log_out_url  # type: ignore[attr-defined]
        request.user = SimpleLazyObject(find)  # type: ignore[assignment]
        request.auser = sync_to_async(find)


class SignOutView(LogoutView):
    """The log-out page. Sends users whom the reverse proxy has signed in to the proxy's own log-out, because the proxy
    would sign them in here again at once. Without `ProxySettings.log_out_url` it sends them to the start page.
    """

    def get_success_url(self) -> str:
        if hasattr(self.request, SCOPE_KEY):
            return str(self.request.proxy_log_out or "/")  # type: ignore[attr-defined]
        return super().get_success_url()


def admin_sign_out(request: HttpRequest) -> HttpResponse:
    """The log-out of the administration: `SignOutView` for users whom the reverse proxy has signed in, and Django's own
    page for others.
    """
    return SignOutView.as_view()(request) if hasattr(request, SCOPE_KEY) else admin.site.logout(request)

"""Digest and Basic authentication (RFC 2617) of the clients of a simulated camera."""

import base64
import hashlib
import hmac
import re
import secrets

REALM = "Camera simulator"


class Authentication:
    """Checks a request's Authorization header. Without a username all requests are allowed.

    All connections share one nonce, because an HTTP client answers a challenge on a new connection.
    """

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._nonce = secrets.token_hex(16)

    @property
    def challenges(self) -> tuple[tuple[str, str], ...]:
        """Returns the headers (name, value) of a 401 response that ask the client for credentials.

        Digest is first, because a client uses the first scheme that it supports.
        """
        return (
            ("WWW-Authenticate", f'Digest realm="{REALM}", nonce="{self._nonce}"'),
            ("WWW-Authenticate", f'Basic realm="{REALM}"'),
        )

    def allows(self, method: str, authorization: str) -> bool:
        if not self._username:
            return True
        scheme, _, credentials = authorization.partition(" ")
        match scheme.lower():
            case "basic":
                return self._allows_basic(credentials)
            case "digest":
                return self._allows_digest(method, credentials)
        return False

    def _allows_basic(self, credentials: str) -> bool:
        try:
            given = base64.b64decode(credentials, validate=True)
        except ValueError:
            return False
        return hmac.compare_digest(given, f"{self._username}:{self._password}".encode())

    def _allows_digest(self, method: str, credentials: str) -> bool:
        given = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(credentials)}
        if given.get("username") != self._username or given.get("nonce") != self._nonce:
            return False
        secret = _md5(self._username, REALM, self._password)
        expected = _md5(secret, self._nonce, _md5(method, given.get("uri", "")))
        return hmac.compare_digest(expected.encode(), given.get("response", "").encode())


_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

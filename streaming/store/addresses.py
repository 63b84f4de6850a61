"""Addresses of Redis: one server, or the master that Sentinels know.

    redis://host:port/db    rediss:// with TLS    unix:///path
    redis+sentinel://user:password@host:port,host:port/service/db    rediss+sentinel:// with TLS

User, password, database and options belong to the master. `?sentinel_username=` and `?sentinel_password=` are for the
Sentinels themselves. TLS and its options apply to both.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import redis
import redis.asyncio.sentinel
import redis.connection
import redis.sentinel

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
FORM = "it must be like redis+sentinel://host:port,host:port/service"
SENTINEL_PORT = 26379
SENTINEL_TIMEOUT = 0.3  # seconds until the next Sentinel is asked

# redis-py does not annotate these.
_AsyncSentinel: Any = redis.asyncio.sentinel.Sentinel
_Sentinel: Any = redis.sentinel.Sentinel
_parse_url: Any = redis.connection.parse_url


@dataclass(frozen=True)
class Service:
    """A Redis master that its Sentinels know by `name`, with what redis-py needs to connect to it and to them."""

    name: str
    sentinels: tuple[tuple[str, int], ...]
    # redis-py's form of scheme, user, password, database and options. Its host means nothing.
    url: str = field(repr=False)
    options: dict[str, Any] = field(repr=False)  # the same, as redis-py's arguments
    sentinel_options: dict[str, Any] = field(repr=False)

    async def master(self) -> tuple[str, int]:
        """Ask the Sentinels one after the other. Returns the master's host and port. Raises RedisError if none knows a
        master that is up.
        """
        sentinel = _AsyncSentinel(self.sentinels, sentinel_kwargs=self.sentinel_options)
        try:
            host, port = await sentinel.discover_master(self.name)
            return str(host), int(port)
        finally:
            for client in sentinel.sentinels:
                await client.aclose()

    def master_now(self) -> tuple[str, int]:
        """Ask the Sentinels one after the other, without an event loop; blocks. Returns the master's host and port.
        Raises RedisError if none knows a master that is up.
        """
        sentinel = _Sentinel(self.sentinels, sentinel_kwargs=self.sentinel_options)
        try:
            host, port = sentinel.discover_master(self.name)
            return str(host), int(port)
        finally:
            for client in sentinel.sentinels:
                client.close()


def service_of(url: str) -> Service | None:
    """Returns the master and Sentinels that a redis+sentinel:// or rediss+sentinel:// address names, None if the
    address names one server. Raises ValueError if it names no Sentinel or no service, or has an invalid part.
    """
    scheme, _, rest = url.partition("://")
    if not scheme.lower().endswith("+sentinel"):
        return None
    # Not by urlsplit: that of Python 3.13 refuses an IPv6 address after another host.
    end = min((rest.find(sign) for sign in "/?#" if sign in rest), default=len(rest))
    login, at, hosts = rest[:end].rpartition("@")
    parts = urlsplit(f"{scheme}://localhost{rest[end:]}")
    name, _, database = parts.path.strip("/").partition("/")
    if not hosts or not name:
        raise ValueError(FORM)
    query = parse_qsl(parts.query)
    ours = {key.removeprefix("sentinel_"): value for key, value in query if key.startswith("sentinel_")}
    others = urlencode([pair for pair in query if not pair[0].startswith("sentinel_")])
    plain = f"{parts.scheme.removesuffix('+sentinel')}://{login}{at}localhost/{database}?{others}"
    options: dict[str, Any] = _parse_url(plain)
    del options["host"]
    if options.pop("connection_class", None):
        options["ssl"] = True
    timeouts = {"socket_timeout": SENTINEL_TIMEOUT, "socket_connect_timeout": SENTINEL_TIMEOUT, "retry": None}
    tls = {key: value for key, value in options.items() if key.startswith("ssl")}
    return Service(unquote(name), _sentinels(hosts), plain, options, {**tls, **ours, **timeouts})


def _sentinels(hosts: str) -> tuple[tuple[str, int], ...]:
    """Returns host and port (26379 if none is given) of each Sentinel in a list like "host:port,host". Raises
    ValueError if a port is invalid.
    """
    found = [urlsplit(f"//{host.strip()}") for host in hosts.split(",")]
    try:
        return tuple((part.hostname or "", part.port or SENTINEL_PORT) for part in found)
    except ValueError:  # it names the port, which is a part of the password if that has an unquoted slash
        raise ValueError(FORM) from None


def layer_host(url: str, **options: Any) -> dict[str, Any]:
    """Returns a Redis address as an entry of channels_redis's `hosts`, with `options` for its connections; the
    address of a server may override them. Raises ValueError if an address of Sentinels is malformed.
    """
    service = service_of(url)
    if service is None:
        return {"address": url, **options}
    facts = {"sentinels": list(service.sentinels), "master_name": service.name}
    return {**facts, "sentinel_kwargs": service.sentinel_options, **service.options, **options}


def blocking_client(url: str, **options: Any) -> "redis.Redis":
    """Returns redis-py's blocking client for an address of a server or of Sentinels, not connected yet. `options`:
    redis-py's; the address of a server may override them. Raises ValueError if the address is malformed.
    """
    service = service_of(url)
    if service is None:
        return redis.Redis.from_url(url, **options)
    sentinel = _Sentinel(service.sentinels, sentinel_kwargs=service.sentinel_options)
    master: redis.Redis = sentinel.master_for(service.name, **{**service.options, **options})
    return master

"""Reads the settings of sign-in by a reverse proxy, and the groups for that by OpenID Connect, whose other settings
`nvr/accounts_settings.py` reads. A function that reads one raises ImproperlyConfigured for a wrong value.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from cameras.networks import Network, parse_networks
from nvr.environment import env, read_flag, read_list, read_token

UNIX = "unix"  # in PROXY_USER_FROM: everybody who can open the worker's Unix socket
HEADER = "PROXY_USER_HEADER"
# Headers that a proxy or a browser sends anyway: such a header would name somebody in each request.
COMMON_HEADERS = {"authorization", "cookie", "host", "origin", "referer", "user-agent"}

# As in cameras/sign_in.py, which the settings cannot import because it needs the models.
GroupMapping = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ProxySettings:
    """The settings `PROXY_USER_*`: how a reverse proxy names the user of a request in its headers, and from where it is
    believed. Header names are in lower case.
    """

    header: str  # has the user's name
    secret_header: str
    secret: str  # the proxy sends it in `secret_header`
    networks: tuple[Network, ...]  # of the proxy's addresses
    unix: bool  # requests from a Unix socket are the proxy's
    create: bool  # make a user who is new to this site
    groups_header: str  # empty: the proxy sends no groups, so users keep theirs
    groups: GroupMapping  # pairs: a group of the proxy, and the group of this site for it
    log_out_url: str  # empty: users of the proxy cannot log out


def read_proxy() -> ProxySettings | None:
    """Read the environment variables `PROXY_USER_*`. Returns None without `PROXY_USER_HEADER`. Raises
    ImproperlyConfigured for a value that is missing, wrong or has no effect.
    """
    header = _header("PROXY_USER_HEADER")
    if not header:
        _refuse_rest()
        return None
    networks, unix = _read_from("PROXY_USER_FROM")
    secret = read_token("PROXY_USER_SECRET")
    if not secret:
        raise ImproperlyConfigured(f"PROXY_USER_SECRET is missing: {HEADER} needs it, with at least 16 characters.")
    settings = ProxySettings(
        header,
        _header("PROXY_USER_SECRET_HEADER") or "x-nvr-proxy-secret",
        secret,
        networks,
        unix,
        read_flag("PROXY_USER_CREATE", default=False),
        _header("PROXY_USER_GROUPS_HEADER"),
        read_groups("PROXY_USER_GROUPS"),
        _read_log_out("PROXY_USER_LOGOUT_URL"),
    )
    names = [name for name in (settings.header, settings.secret_header, settings.groups_header) if name]
    if len(set(names)) < len(names):
        raise ImproperlyConfigured(f"{HEADER}={header} is not valid: each of the proxy's headers needs another name.")
    if bool(settings.groups_header) != bool(settings.groups):
        raise ImproperlyConfigured("PROXY_USER_GROUPS_HEADER and PROXY_USER_GROUPS need each other: set both or none.")
    return settings


def _refuse_rest() -> None:
    for name in ("FROM", "SECRET", "SECRET_HEADER", "CREATE", "GROUPS_HEADER", "GROUPS", "LOGOUT_URL"):
        if env.str(f"PROXY_USER_{name}", default="").strip():
            raise ImproperlyConfigured(
                f"PROXY_USER_{name} does nothing without {HEADER}: set that to the header with the user's name, "
                "for example Remote-User."
            )


def _header(name: str) -> str:
    text: str = env.str(name, default="").strip()
    if text and (not re.fullmatch("[A-Za-z0-9-]+", text) or text.lower() in COMMON_HEADERS):
        raise ImproperlyConfigured(
            f"{name}={text} is not valid: it must be the name of a header of the proxy's own, of letters, digits and "
            "hyphens, for example Remote-User."
        )
    return text.lower()


def _read_from(name: str) -> tuple[tuple[Network, ...], bool]:
    """Returns the networks from which the proxy's headers are believed, and whether they are believed from the
    worker's Unix socket, too. The environment variable `name` lists the networks, and "unix" for the socket, with
    commas between them. Raises ImproperlyConfigured if it is missing or wrong.
    """
    entries = read_list(name)
    text = ",".join(entries)
    wrong = (
        "it must be the addresses of the proxies, separated by commas, for example 127.0.0.1,10.0.0.5/32, or unix for a "
        "proxy on the worker's Unix socket"
    )
    if not entries:
        raise ImproperlyConfigured(
            f"{name} is missing: {HEADER} needs it. It must be {wrong.removeprefix('it must be ')}."
        )
    try:
        networks = parse_networks(",".join(entry for entry in entries if entry != UNIX))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={text} is not valid: {error}; {wrong}.") from error
    if any(network.prefixlen == 0 for network in networks):
        raise ImproperlyConfigured(f"{name}={text} is not valid: everybody would be trusted; {wrong}.")
    return networks, UNIX in entries


def read_groups(name: str) -> GroupMapping:
    """Returns pairs (group of the sign-in service, group of this site) from the environment variable `name`, which has
    entries like `theirs=ours` with commas between them. The group "*" of the service has all its users. Returns () if
    the variable is not set. Raises ImproperlyConfigured for another form.
    """
    pairs = []
    for entry in read_list(name):
        theirs, _, ours = (part.strip() for part in entry.rpartition("="))
        if not theirs or not ours:
            raise ImproperlyConfigured(
                f"{name}={entry} is not valid: it must be pairs of a group of the sign-in service and a group of this site, "
                "separated by commas, for example nvr-users=Viewers; *=Viewers is for everybody."
            )
        pairs.append((theirs, ours))
    return tuple(pairs)


def _read_log_out(name: str) -> str:
    text: str = env.str(name, default="").strip()
    url = urlsplit(text)
    is_path = re.fullmatch(r"/([^/\\].*)?", text) is not None
    if text and not is_path and not (url.scheme in {"http", "https"} and re.fullmatch(r"[\w.:\[\]-]+", url.netloc)):
        raise ImproperlyConfigured(
            f"{name}={text} is not valid: it must be a path or an address, for example /oauth2/sign_out or "
            "https://auth.example.com/logout."
        )
    return text


def origin_of(url: str) -> str:
    """Returns the origin of a URL, such as "https://auth.example.com:8443"; "" for a path without a host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

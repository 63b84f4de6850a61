"""All addresses of the site, with the methods to try at each: for tests that something comes out nowhere."""

import re
from collections.abc import Iterator

from django.urls import get_resolver

from tests.acceptance.test_security import addresses

SKIPPED = ("/accounts/logout/", "/admin/logout/")  # the walk would be over
# A parameter of an address -> what the walk fills in. A new one needs an entry.
PARAMETERS = {
    "camera": "{camera}",
    "camera_id": "{camera}",
    "content_type_id": "1",
    "id": "1",
    "slug": "{wall}",
    "user_id": "1",
    "viewing_id": "{viewing}",
    "waiting_id": "{waiting}",
}
OBJECTS = {"/camera/": "{camera}", "/cameragroup/": "{cameragroup}"}  # the same for `object_id`; of others, "{user}"
PATTERNS = {  # the same for addresses that are regular expressions
    r"/\^api/v1/$": "/api/v1/nothing",
    r"\(\?P<url>\.\*\)\$": "nothing",
    r"\^\(\?P<app_label>[^)]*\)/\$": "cameras/",
}
QUERIES = {
    "/admin/cameras/camera/": "?q=Vau",
    "/admin/streaming/system/history/": "?range=24h",
    "/admin/streaming/system/preview/": "?max_concurrent=3",
    "/api/v1/limits/preview": "?max_concurrent=3",
}


def walked() -> Iterator[str]:
    """Yields all addresses of the site, with the names of `PARAMETERS` for parameters."""
    for address in sorted(set(addresses(get_resolver("nvr.urls").url_patterns)) - set(SKIPPED)):
        for pattern, text in PATTERNS.items():
            address = re.sub(pattern, text, address)
        object = next((text for part, text in OBJECTS.items() if part in address), "{user}")
        for name, text in (*PARAMETERS.items(), ("object_id", object)):
            address = address.replace(f"<{name}>", text)
        assert not re.search(r"[<^\[(]", address), f"{address}: the walk does not know what to fill in"
        yield address


def requests_of(path: str) -> Iterator[tuple[str, str]]:
    """Yields the methods to try at an address, and their bodies. What would end the streams is left out."""
    yield "GET", ""
    if "{viewing}" in path or "{waiting}" in path:
        return
    if path.startswith("/api/v1/"):
        yield from ((method, "{}") for method in ("POST", "PUT", "PATCH", "DELETE"))
    yield "POST", "camera={camera}&id={camera}"

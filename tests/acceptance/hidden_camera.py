"""A camera that is hidden from all kinds of users, and a walk over all addresses that looks for it."""

import http.client
import http.cookies
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import get_resolver

from tests.acceptance.test_security import addresses
from tests.client import Session, Stream, eventually, in_use
from tests.servers import PASSWORD

NAME, PATH = "Vault 7341", "vault-9c1e"  # of the hidden camera

# The user who walks -> whether they are staff, and which permissions they have.
PEOPLE = {
    "stranger": (False, ()),
    "granted": (False, ("watch_camera",)),
    "member": (False, ("watch_camera",)),
    "ungranted": (False, ("watch_camera",)),
    "program": (False, None),  # None: all but those that show all cameras
    "manager": (True, None),
}
SEED = f"""
import json
from django.contrib.auth.models import Group, Permission, User
from django.utils import timezone
from cameras import grants, tokens
from cameras.models import Camera, CameraGroup, Wall
from streaming.models import Refusal
hidden, lobby = Camera.objects.get(name={NAME!r}), Camera.objects.get(name="Lobby")
for name, (is_staff, codes) in {PEOPLE!r}.items():
    user = User.objects.create_user(name, password={PASSWORD!r}, is_staff=is_staff)
    found = Permission.objects.exclude(codename__in=("see_all_cameras", "change_cameragrant"))
    user.user_permissions.set(found if codes is None else found.filter(codename__in=codes))
group = Group.objects.create(name="Night shift")
User.objects.get(username="member").groups.add(group)
grants.set_cameras(group, [lobby])
for name in ("granted", "program", "manager"):
    grants.set_cameras(User.objects.get(username=name), [lobby])
Refusal.objects.create(
    time=timezone.now(), user="admin", camera=hidden.name, camera_id=hidden.pk, reason="limit_reached"
)
tiles = [{{"camera": str(camera.pk), "size": 1}} for camera in (hidden, lobby)]
Wall.objects.create(slug="both", name="Both", owner=User.objects.get(username="admin"), shared=True, tiles=tiles)
floor = CameraGroup.objects.create(name="Ground floor")
floor.cameras.set([hidden, lobby])
program, user = (User.objects.get(username=name) for name in ("program", "granted"))
ids = {{"user": str(user.pk), "group": str(group.pk), "wall": "both", "cameragroup": floor.pk}}
print(json.dumps({{**ids, "token": tokens.issue(program, "test")}}))
"""

SEEING = {"granted", "member", "program", "manager"}  # who see the other camera on their pages
SNAPSHOT = "/api/v1/cameras/{camera}/stream/snapshot"
IMPORT = "/admin/cameras/camera/import/"  # of cameras from a file
FIND = "/admin/cameras/camera/find/"  # of cameras in the network
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
# Where the hidden camera's name stands for an administrator who sees all: here a leak would be found.
NAMED = {
    "/",
    "/wall/",
    "/wall/{wall}/",
    "/admin/cameras/cameragroup/{cameragroup}/change/",
    "/metrics",
    "/admin/cameras/camera/",
    "/admin/cameras/camera/{camera}/change/",
    "/admin/cameras/usercameras/{user}/change/",
    "/admin/streaming/system/",
    "/admin/streaming/system/line/",
    "/admin/streaming/system/page/history/",
    "/admin/streaming/system/page/limits/",
    "/admin/streaming/system/page/line/",
    "/admin/streaming/system/refusals/",
    "/admin/streaming/system/usage/",
    "/api/v1/cameras",
    "/api/v1/cameras/{camera}",
    "/api/v1/cameras/{camera}/stream/info",
    "/api/v1/cameras/export",
    "/api/v1/line",
    "/api/v1/refusals",
    "/api/v1/streams",
}


@dataclass
class Answer:
    status: int
    headers: str
    text: str
    is_json: bool

    @property
    def betrays(self) -> bool:
        """Whether the hidden camera's name, address or any picture is in it."""
        has_picture = "\\xff\\xd8\\xff" in self.text or "data:image/jpeg" in self.text
        return has_picture or any(word in part for word in (NAME, PATH) for part in (self.headers, self.text))


def ask(session: Session, method: str, path: str, body: str = "", token: str = "", type: str = "") -> Answer:
    """Sends a request of a browser; at the API, with `token`, of a program. Follows no redirect.

    `type`: of the body, if it is neither a form nor, at the API, JSON."""
    csrf = http.cookies.SimpleCookie(session.cookie).get("csrftoken")
    is_api = path.startswith("/api/v1/") and "test-connection" not in path
    headers = {"Content-Type": type or ("application/json" if is_api else "application/x-www-form-urlencoded")}
    if token and is_api:
        headers |= {"Authorization": f"Bearer {token}"}
    else:
        headers |= {"Cookie": session.cookie, "X-CSRFToken": csrf.value if csrf else "", "Referer": session.base}
    connection = http.client.HTTPConnection(session.base.removeprefix("http://"), timeout=20)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode(errors="backslashreplace")
        return Answer(response.status, str(response.headers), text, "json" in response.headers.get("Content-Type", ""))
    finally:
        connection.close()


def checks_of_a_file(session: Session, name: str, token: str = "") -> list[tuple[int, str]]:
    """Has a file with a camera of this name checked, by the page and by the API. Returns the answers, less random values."""
    csv = f"name,stream_url\r\n{name},rtsp://127.0.0.1/new\r\n"
    part = f'Content-Disposition: form-data; name="file"; filename="cameras.csv"\r\n\r\n{csv}'
    answers = [
        ask(session, "POST", IMPORT, f"--part\r\n{part}\r\n--part--\r\n", type="multipart/form-data; boundary=part"),
        ask(session, "POST", "/api/v1/cameras/import?dry_run=true", csv, token, "text/csv"),
    ]
    return [(answer.status, re.sub(r' value="[^"]{40,}"', "", answer.text)) for answer in answers]


def walked() -> Iterator[str]:
    """Yields all addresses of the site, with the names of `Scene.ids` for parameters."""
    for address in sorted(set(addresses(get_resolver("nvr.urls").url_patterns)) - set(SKIPPED)):
        for pattern, text in PATTERNS.items():
            address = re.sub(pattern, text, address)
        object = next((text for part, text in OBJECTS.items() if part in address), "{user}")
        for name, text in (*PARAMETERS.items(), ("object_id", object)):
            address = address.replace(f"<{name}>", text)
        assert not re.search(r"[<^\[(]", address), f"{address}: the walk does not know what to fill in"
        yield address


def requests_of(path: str) -> Iterator[tuple[str, str]]:
    """Yields the methods to try at an address, and their bodies. Requests that would end the streams are left out."""
    yield "GET", ""
    if "{viewing}" in path or "{waiting}" in path:
        return
    if path.startswith("/api/v1/"):
        yield from ((method, "{}") for method in ("POST", "PUT", "PATCH", "DELETE"))
        yield "POST", '{"camera": "{camera}", "id": "{camera}"}'
    else:
        # Without an address, the page would ask the real networks. Nothing listens at this one.
        yield "POST", "address=127.0.0.1:1" if path == FIND else "camera={camera}&id={camera}"


@dataclass
class Scene:
    """A hidden camera that is watched, and for which somebody waits. `ids`: of these for `PARAMETERS`, of the user
    and the group with grants, and the program's token."""

    base: str
    lobby: str
    watching: Stream
    waiting: Stream
    ids: dict[str, str]

    @property
    def hidden(self) -> str:
        return self.ids["camera"]

    async def free(self) -> None:
        """End the streams of the hidden camera, so that the slot is free."""
        await self.waiting.close()
        await self.watching.close()
        viewer = Session(self.base, "ungranted")
        await eventually(lambda: in_use(viewer) == 0, 5)


def leaks_of(scene: Scene, session: Session, token: str) -> list[str]:
    """Walks all addresses. Returns where the hidden camera came out, or was not answered as one that does not exist."""
    found, unknown = [], str(uuid.uuid4())

    def answer_for(camera: str, method: str, path: str, body: str) -> Answer:
        address = path.format(**{**scene.ids, "camera": camera})
        return ask(session, method, address, body.replace("{camera}", camera), token)

    for path in walked():
        for method, body in requests_of(path):
            query = QUERIES.get(path, "") if method == "GET" else ""
            request = (method, path + query, body)
            answer = answer_for(scene.hidden, *request)
            twin = answer_for(unknown, *request) if "{camera}" in path + body else answer
            is_same = not answer.is_json or answer.text == twin.text.replace(unknown, scene.hidden)
            if answer.betrays or answer.status != twin.status or not is_same:
                found.append(f"{method} {path}: {answer} {twin.status}")
    return found

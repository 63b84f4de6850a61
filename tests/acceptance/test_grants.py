"""Grants: a hidden camera comes out nowhere, and streams end with the grant."""

import asyncio
import http.client
import http.cookies
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from cameras.simulator import SimulatedCamera, Simulator
from tests.acceptance.walk import QUERIES, requests_of, walked
from tests.client import Session, Stream
from tests.servers import PASSWORD, Site

NAME, PATH = "Vault 7341", "vault-9c1e"  # of the hidden camera
AT_ONCE, PUT_OUT = 3, 15  # seconds within which a stream ends: with a control event, and without one

# Who walks -> whether they are staff, and which permissions they have.
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


def ask(session: Session, method: str, path: str, body: str = "", token: str = "") -> Answer:
    """Sends a request of a browser; at the API, with `token`, of a program. Follows no redirect."""
    csrf = http.cookies.SimpleCookie(session.cookie).get("csrftoken")
    is_api = path.startswith("/api/v1/") and "test-connection" not in path
    headers = {"Content-Type": "application/json" if is_api else "application/x-www-form-urlencoded"}
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


def leaks_of(scene: Scene, session: Session, token: str) -> list[str]:
    """Walks all addresses. Returns where the hidden camera came out, or was not answered as one that does not exist."""
    found, unknown = [], str(uuid.uuid4())
    for path in walked():
        for method, body in requests_of(path):
            query = QUERIES.get(path, "") if method == "GET" else ""
            answer, twin = (
                ask(session, method, path.format(**ids) + query, body.replace("{camera}", ids["camera"]), token)
                for ids in (scene.ids, {**scene.ids, "camera": unknown})
            )
            is_same = not answer.is_json or answer.text.replace(scene.hidden, unknown) == twin.text
            names_camera = "{camera}" in path or "{camera}" in body
            if answer.betrays or (names_camera and (answer.status != twin.status or not is_same)):
                found.append(f"{method} {path}: {answer} {twin.status}")
    return found


@pytest.fixture
async def scene(installation: Site, simulator: Simulator) -> AsyncIterator[Scene]:
    urls = [simulator.add(SimulatedCamera(name=name, path=name, width=320, height=240)).url for name in (PATH, "lobby")]
    hidden, lobby = (installation.add_camera(name, url) for name, url in zip((NAME, "Lobby"), urls, strict=True))
    worker = installation.start_worker(STREAM_MAX_CONCURRENT="1", STREAM_STILLS_PER_USER="1000")
    ids = {"camera": hidden, **json.loads(installation.manage("shell", "-v0", "-c", SEED).splitlines()[-1])}
    admin = Session(worker.base, "admin")
    async with Stream(admin, hidden) as watching, Stream(admin, hidden, "?wait=1") as waiting:
        await watching.live()
        await waiting.until(lambda stream: bool(stream.messages))
        (place,) = admin.json("/api/v1/line")["items"]
        ids |= {"viewing": watching.last("info")["viewing_id"], "waiting": place["id"]}
        yield Scene(worker.base, lobby, watching, waiting, ids)


@pytest.mark.timeout(300)
async def test_no_address_names_or_shows_a_hidden_camera(scene: Scene) -> None:
    sessions = {name: Session(scene.base, name) for name in ("", *PEOPLE)}
    sessions[""].get("/accounts/login/")  # sets the CSRF token
    for name, session in sessions.items():
        pages = [ask(session, "GET", path).text for path in ("/", "/wall/")]
        assert all("Lobby" in page for page in pages) is (name in SEEING), name
        leaks = await asyncio.to_thread(leaks_of, scene, session, scene.ids["token"] if name == "program" else "")
        assert not leaks, f"{name}: {leaks}"
    assert (scene.watching.close_code, scene.waiting.close_code) == (None, None)


async def test_the_walk_would_find_the_camera_where_an_administrator_sees_it(scene: Scene) -> None:
    admin = Session(scene.base, "admin")
    assert {*NAMED, SNAPSHOT} <= set(walked())
    silent = [path for path in NAMED if not ask(admin, "GET", path.format(**scene.ids)).betrays]
    assert not silent
    assert ask(admin, "GET", SNAPSHOT.format(**scene.ids)).betrays


async def test_staff_stop_a_viewer_and_empty_the_line_of_a_camera_without_learning_its_name(scene: Scene) -> None:
    manager, system = Session(scene.base, "manager"), "/admin/streaming/system/"
    hidden = f"Hidden camera {scene.hidden[:8]}"
    usage = await asyncio.to_thread(manager.json, f"{system}usage/")
    assert ([row["camera"] for row in usage["viewers"]], usage["cameras"]) == ([hidden], [])
    assert [row["camera"] for row in manager.json(f"{system}line/")["line"]] == [hidden]
    answers = [
        ask(manager, "POST", f"{system}line-remove/", f"waiting={scene.ids['waiting']}"),
        ask(manager, "POST", f"{system}stop/", f"viewing={scene.ids['viewing']}"),
        ask(manager, "GET", "/admin/"),  # with one's own actions
    ]
    assert (await scene.waiting.ended(), await scene.watching.ended()) == (4410, 4410)
    assert [(answer.status, answer.betrays) for answer in answers] == [(200, False)] * 3
    assert f"Stopped the stream of admin at {hidden}" in answers[-1].text


async def test_a_stream_of_a_hidden_camera_ends_as_that_of_one_that_does_not_exist(scene: Scene) -> None:
    queries = ("", "?wait=1", "?resume=", f"?replace={scene.ids['viewing']}", "?quality=best")
    for name in PEOPLE:
        session = Session(scene.base, name)
        for query in queries:
            said = []
            for camera in (scene.hidden, str(uuid.uuid4())):
                async with Stream(session, camera, query) as stream:
                    said.append((await stream.ended(), stream.messages))
            assert said[0] == said[1], (name, query)
            assert said[0][0] == (4422 if "best" in query else 4403 if name == "stranger" else 4004)
    assert scene.watching.close_code is None


def take_grants(base: str, holder: str, id: str) -> None:
    """Removes all grants of a "user" or "group", as an administrator does."""
    page = f"/admin/cameras/{holder}cameras/{id}/change/"
    admin = Session(base, "admin")
    admin.get(page)
    assert b"was changed successfully" in admin.post(page, {})[1]


async def test_a_stream_and_a_place_in_line_end_with_their_grant(scene: Scene) -> None:
    granted, member, manager = (Session(scene.base, name) for name in ("granted", "member", "manager"))
    await scene.free()
    async with Stream(granted, scene.lobby) as stream, Stream(manager, scene.lobby, "?wait=1") as next:
        await stream.live()
        async with Stream(member, scene.lobby, "?wait=1") as waiting:
            await waiting.until(lambda stream: bool(stream.messages))
            await asyncio.to_thread(take_grants, scene.base, "group", scene.ids["group"])
            assert (await waiting.ended(AT_ONCE), waiting.count) == (4004, 0)
        assert stream.close_code is None
        await asyncio.to_thread(take_grants, scene.base, "user", scene.ids["user"])
        assert await stream.ended(AT_ONCE) == 4004
        await next.live()


async def test_a_stream_ends_when_its_grant_is_gone_though_no_event_says_so(scene: Scene, installation: Site) -> None:
    await scene.free()
    async with Stream(Session(scene.base, "granted"), scene.lobby) as stream:
        await stream.live()
        installation.execute("DELETE FROM cameras_cameragrant WHERE user_id = ?", (scene.ids["user"],))
        assert await stream.ended(PUT_OUT) == 4004


@pytest.mark.timing("the check each ten seconds may end the stream first")
async def test_a_refusal_does_not_name_one_s_own_stream_of_a_camera_that_is_hidden_by_now(
    scene: Scene, installation: Site
) -> None:
    await scene.free()
    granted, move = Session(scene.base, "granted"), "UPDATE cameras_cameragrant SET camera_id = ? WHERE user_id = ?"
    async with Stream(granted, scene.lobby) as stream:
        await stream.live()
        installation.execute(move, (uuid.UUID(scene.hidden).hex, scene.ids["user"]))
        async with Stream(granted, scene.hidden) as refused:
            assert await refused.ended() == 4429
            assert refused.last("error")["yours"] == []

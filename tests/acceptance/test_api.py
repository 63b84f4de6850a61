"""Streams, limits and the past in the JSON API, on real workers."""

import asyncio
import http.client
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cameras.simulator import Fault, SimulatedCamera
from tests.client import Session, Stream, eventually
from tests.servers import RedisServer, Site, site

# User -> permissions. `staff` may enter the administration.
PEOPLE = {
    "sees": ("streaming.view_system",),
    "stops": ("streaming.stop_stream",),
    "changes": ("streaming.change_limits",),
    "adds": ("cameras.add_camera",),
    "edits": ("cameras.change_camera",),
    "nothing": (),
    # These are no staff.
    "stranger": ("streaming.view_system", "streaming.stop_stream", "streaming.change_limits"),
}
MAKE = f"""
from django.contrib.auth.models import Permission, User
from cameras import tokens
for name, permissions in {PEOPLE!r}.items():
    user = User.objects.create_user(name, is_staff=name != "stranger")
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
for user in User.objects.all():
    print(user.username, tokens.issue(user, "test"))
"""
LIMITS = {
    "max_concurrent": 10,
    "max_mbps": 0.0,
    "max_per_camera": 0,
    "max_per_user": 0,
    "max_per_address": 1000,
    "reserved_slots": 0,
    "reserved_group": None,
}


class Api:
    """Requests of one user with that user's token; `base` is a worker's."""

    def __init__(self, base: str, token: str) -> None:
        self.host, self.token = base.removeprefix("http://"), token

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.host, timeout=20)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            data = response.read()
            return response.status, json.loads(data) if data else None
        finally:
            connection.close()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template, STREAM_READ_TIMEOUT_SECONDS="1") as created:
        created.start_worker()
        created.start_worker()
        yield created


@pytest.fixture(scope="module")
def tokens(installation: Site) -> dict[str, str]:
    lines = installation.manage("shell", "-v0", "-c", MAKE).splitlines()
    return dict(line.split(" ") for line in lines if " nvr_" in line)


@pytest.fixture
def people(installation: Site, tokens: dict[str, str]) -> dict[str, Api]:
    return {name: Api(installation.workers[1].base, token) for name, token in tokens.items()}


@pytest.fixture
def admin(people: dict[str, Api]) -> Iterator[Api]:
    """A superuser's; takes back what was set."""
    yield people["admin"]
    nothing = dict.fromkeys(LIMITS)
    assert people["admin"]("PUT", "/limits", nothing)[0] == 200
    assert people["admin"]("DELETE", "/limits/trial")[0] == 200


@pytest.fixture
def viewer(installation: Site) -> Session:
    return Session(installation.workers[0].base)


OPERATIONS = [
    ("sees", "GET", "/streams", None, 200),
    ("sees", "GET", "/limits", None, 200),
    ("sees", "GET", "/limits/trial", None, 200),
    ("sees", "GET", "/limits/preview?max_concurrent=3", None, 200),
    ("sees", "GET", "/history", None, 200),
    ("sees", "GET", "/refusals", None, 200),
    ("stops", "DELETE", "/streams/none", None, 404),
    ("stops", "POST", "/streams/none/stop", {}, 404),
    ("stops", "POST", "/cameras/{camera}/stop", {}, 200),
    ("stops", "GET", "/blocks", None, 200),
    ("stops", "DELETE", "/blocks/none", None, 404),
    ("changes", "PATCH", "/limits", {}, 200),
    ("changes", "PUT", "/limits", dict.fromkeys(LIMITS), 200),
    ("changes", "PATCH", "/limits/trial", {}, 200),
    ("changes", "PUT", "/limits/trial", dict.fromkeys(LIMITS), 200),
    ("changes", "DELETE", "/limits/trial", None, 200),
    ("adds", "POST", "/cameras/test", {"stream_url": "rtsp://127.0.0.1:1/"}, 200),
    ("edits", "POST", "/cameras/{camera}/test", None, 200),
]


@pytest.mark.parametrize(("who", "method", "path", "body", "status"), OPERATIONS)
def test_an_operation_needs_its_permission(
    installation: Site, people: dict[str, Api], who: str, method: str, path: str, body: Any, status: int
) -> None:
    path = path.format(camera=installation.add_camera("Dead", "rtsp://127.0.0.1:1/"))
    for name in {*PEOPLE} - {who}:
        answer = people[name](method, path, body)
        assert (answer[0], answer[1]["error"]["reason"]) == (403, "permission_denied"), name
    assert Api(people[who].host, "nvr_wrong")(method, path, body)[0] == 401
    answer = people[who](method, path, body)
    assert answer[0] == status, answer


# Streams.


async def test_running_streams_are_listed_over_all_workers(
    installation: Site, admin: Api, viewer: Session, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    async with Stream(viewer, id, "?quality=low") as one:
        await one.live()
        async with Stream(viewer.at(installation.workers[1].base), id) as two:
            await two.live()
            await eventually(lambda: admin("GET", "/streams")[1]["count"] == 2, 2)
            status, page = admin("GET", "/streams?limit=1&offset=0")
            assert (status, page["count"], len(page["items"])) == (200, 2, 1)
            (row,) = page["items"]
            assert row["id"] == one.last("info")["viewing_id"]
            assert (row["user"], row["camera"], row["camera_id"], row["quality"]) == ("viewer", "Yard", id, "low")
            assert row["since"].endswith("Z")
            assert admin("GET", "/limits")[1]["usage"]["in_use"] == 2


async def test_a_stream_is_stopped_from_another_worker_with_a_message_and_stays_out(
    installation: Site, admin: Api, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    viewer = Session(installation.workers[0].base, "viewer2")
    async with Stream(viewer, id) as stream:
        await stream.live()
        viewing = stream.last("info")["viewing_id"]
        order = {"message": "Needed elsewhere.", "block_seconds": 2}
        assert await asyncio.to_thread(admin, "POST", f"/streams/{viewing}/stop", order) == (200, {"stopped": 1})
        assert await stream.ended(2) == 4410
        assert stream.last("error")["message"] == "Needed elsewhere."
    async with Stream(viewer, id) as again:
        assert await again.ended(5) == 4410
    status, answer = await asyncio.to_thread(admin, "POST", f"/streams/{viewing}/stop", order)
    assert (status, answer["error"]["reason"]) == (404, "stream_not_found")
    log = installation.manage("shell", "-v0", "-c", LOG)
    assert "admin: Stopped the stream of viewer2 at Yard, blocked for 2 s: Needed elsewhere." in log
    await eventually(lambda: admin("GET", "/blocks")[1]["count"] == 0, 3)


async def test_a_blocked_user_is_listed_and_let_in_again(
    installation: Site, admin: Api, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    viewer = Session(installation.workers[0].base, "viewer2")
    async with Stream(viewer, id) as stream:
        await stream.live()
        path = f"/streams/{stream.last('info')['viewing_id']}/stop"
        await asyncio.to_thread(admin, "POST", path, {"message": "Not now.", "block_seconds": 300})
        assert await stream.ended(2) == 4410
    _, page = await asyncio.to_thread(admin, "GET", "/blocks")
    (block,) = page["items"]
    assert (page["count"], block["user"], block["message"], block["by"]) == (1, "viewer2", "Not now.", "admin")
    assert 290 < block["seconds_left"] <= 300
    listed = await asyncio.to_thread(installation.manage, "slots")
    assert "blocked viewer2: 0:0" in listed and "left, by admin  Not now." in listed
    path = f"/blocks/{block['user_id']}"
    assert await asyncio.to_thread(admin, "DELETE", path) == (204, None)
    async with Stream(viewer, id) as again:
        await again.live()
    status, answer = await asyncio.to_thread(admin, "DELETE", path)
    assert (status, answer["error"]["reason"]) == (404, "block_not_found")
    assert installation.manage("shell", "-v0", "-c", LOG).startswith("admin: Unblocked viewer2\n")


async def test_the_command_lets_a_user_in_again(installation: Site, admin: Api, camera: SimulatedCamera) -> None:
    viewer = Session(installation.workers[0].base, "viewer2")
    async with Stream(viewer, installation.add_camera("Yard", camera.url)) as stream:
        await stream.live()
        path = f"/streams/{stream.last('info')['viewing_id']}/stop"
        await asyncio.to_thread(admin, "POST", path, {"block_seconds": 300})
    lifted = await asyncio.to_thread(installation.manage, "slots", "--unblock", "viewer2")
    assert "viewer2 may watch again." in lifted
    assert (await asyncio.to_thread(admin, "GET", "/blocks"))[1]["items"] == []


async def test_a_stream_is_stopped_without_a_word(
    installation: Site, admin: Api, viewer: Session, camera: SimulatedCamera
) -> None:
    async with Stream(viewer, installation.add_camera("Yard", camera.url)) as stream:
        await stream.live()
        viewing = stream.last("info")["viewing_id"]
        assert await asyncio.to_thread(admin, "DELETE", f"/streams/{viewing}") == (204, None)
        assert await stream.ended(2) == 4410


async def test_all_streams_of_a_camera_are_stopped_and_no_other(
    installation: Site, admin: Api, viewer: Session, camera: SimulatedCamera
) -> None:
    yard, gate = (installation.add_camera(name, camera.url) for name in ("Yard", "Gate"))
    other = viewer.at(installation.workers[1].base)
    async with Stream(viewer, yard) as one, Stream(other, yard) as two, Stream(viewer, gate) as three:
        for stream in (one, two, three):
            await stream.live()
        answer = await asyncio.to_thread(admin, "POST", f"/cameras/{yard}/stop", {"message": "Yard is closed."})
        assert answer == (200, {"stopped": 2})
        assert (await one.ended(2), await two.ended(2)) == (4410, 4410)
        assert three.close_code is None
    assert "admin: Stopped all 2 streams of Yard: Yard is closed." in installation.manage("shell", "-v0", "-c", LOG)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": "x" * 201}, "message"),
        ({"message": "a\0b"}, "message"),
        ({"message": "a\u202eb"}, "message"),
        ({"block_seconds": -1}, "block_seconds"),
        ({"block_seconds": 86_401}, "block_seconds"),
        ({"block_seconds": "5"}, "block_seconds"),
        ({"seconds": 5}, "seconds"),
    ],
)
def test_a_wrong_order_is_refused(admin: Api, body: Any, field: str) -> None:
    status, answer = admin("POST", "/streams/none/stop", body)
    assert (status, list(answer["error"]["fields"])) == (422, [field])


def test_a_camera_that_is_not_there_has_no_streams(admin: Api) -> None:
    for action in ("stop", "test"):
        status, answer = admin("POST", f"/cameras/{uuid.uuid4()}/{action}", {})
        assert (status, answer["error"]["reason"]) == (404, "camera_not_found")


LOG = """
from django.contrib.admin.models import LogEntry
for entry in LogEntry.objects.select_related("user"):
    print(f"{entry.user}: {entry.change_message}")
"""


# Limits.


def test_limits_are_told_with_where_they_come_from(admin: Api) -> None:
    status, answer = admin("GET", "/limits")
    assert status == 200
    assert (answer["in_force"], answer["environment"], answer["changed"]) == (LIMITS, LIMITS, [])
    assert (answer["trial"], answer["usage"]["limit"]) == (None, 10)


async def test_a_changed_limit_is_in_force_on_every_worker_within_two_seconds(
    installation: Site, admin: Api, viewer: Session, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    status, answer = await asyncio.to_thread(admin, "PATCH", "/limits", {"max_concurrent": 1, "max_per_camera": 7})
    assert (status, answer["changed"], answer["changed_by"]) == (200, ["max_concurrent", "max_per_camera"], "admin")
    assert answer["in_force"] == {**LIMITS, "max_concurrent": 1, "max_per_camera": 7}
    assert answer["environment"] == LIMITS
    await asyncio.sleep(2)
    async with Stream(viewer, id) as one:
        await one.live()
        async with Stream(viewer.at(installation.workers[1].base), id) as two:
            assert await two.ended(5) == 4429
    _, answer = await asyncio.to_thread(admin, "PATCH", "/limits", {"max_concurrent": None})
    assert answer["in_force"] == {**LIMITS, "max_per_camera": 7}
    log = installation.manage("shell", "-v0", "-c", LOG)
    assert "By the API: Total streams: default → 1, Streams per camera: default → 7\n" in log
    assert "By the API: Total streams: 1 → default\n" in log


def test_what_changes_nothing_is_not_logged_and_restarts_no_trial(installation: Site, admin: Api) -> None:
    limits, trial = {**dict.fromkeys(LIMITS), "max_concurrent": 4}, {"max_concurrent": 3}
    began = [admin("PUT", "/limits", limits)[1], admin("PATCH", "/limits/trial", trial)[1]]
    log = installation.manage("shell", "-v0", "-c", LOG)
    told = ("Dry run started: Total streams 3", "Total streams: default → 4")
    assert log.startswith("".join(f"admin: By the API: {text}\n" for text in told))
    for method, path, body in (
        ("PUT", "/limits", limits),
        ("PATCH", "/limits", {}),
        ("PATCH", "/limits/trial", {}),
        ("PATCH", "/limits/trial", trial),
    ):
        _, answer = admin(method, path, body)
        assert (answer["changed_at"], answer["trial"]) == (began[0]["changed_at"], began[1]["trial"])
    assert installation.manage("shell", "-v0", "-c", LOG) == log


def test_put_sets_all_limits_and_patch_those_named(admin: Api) -> None:
    everything = {**LIMITS, "max_concurrent": 5, "max_mbps": 20.5, "max_per_user": 2}
    assert admin("PUT", "/limits", everything)[1]["in_force"] == everything
    assert admin("PATCH", "/limits", {"max_per_user": 3})[1]["in_force"] == {**everything, "max_per_user": 3}
    status, answer = admin("PUT", "/limits", {"max_concurrent": 5})
    assert (status, "max_mbps" in answer["error"]["fields"]) == (422, True)


def test_a_trial_is_told_and_ends(admin: Api) -> None:
    _, answer = admin("PATCH", "/limits/trial", {"max_concurrent": 3})
    assert answer["in_force"] == LIMITS
    assert answer["trial"]["max_concurrent"] == 3
    assert answer["trial"]["max_per_user"] is None
    assert admin("GET", "/limits/trial")[1]["max_concurrent"] == 3
    assert admin("DELETE", "/limits/trial")[1]["trial"] is None


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"max_concurrent": 0}, 422, "max_concurrent"),
        ({"max_concurrent": "5"}, 422, "max_concurrent"),
        ({"max_concurrent": True}, 422, "max_concurrent"),
        ({"max_mbps": -0.5}, 422, "max_mbps"),
        ({"concurrent": 5}, 422, "concurrent"),
        ({"reserved_slots": 2}, 409, "reserved_group"),
        ({"reserved_group": 1, "reserved_slots": 10}, 409, "reserved_slots"),
        ({"reserved_group": 99_999}, 409, "reserved_group"),
    ],
)
def test_a_wrong_limit_changes_nothing(admin: Api, body: Any, status: int, field: str) -> None:
    for path in ("/limits", "/limits/trial"):
        answer = admin("PATCH", path, body)
        assert (answer[0], list(answer[1]["error"]["fields"])) == (status, [field]), path
    assert admin("GET", "/limits")[1]["in_force"] == LIMITS


# The past.


def test_the_past_is_told_for_any_span(admin: Api) -> None:
    query = "since=2026-01-01T00:00:00Z&until=2026-01-01T01:00:00Z&step_minutes=10"
    status, answer = admin("GET", f"/history?{query}")
    assert (status, answer["step"], answer["time"][0]) == (200, 10, "2026-01-01T00:00:00Z")
    assert {
        len(answer[name]) for name in ("time", "peak", "limit", "mbps", "mbps_peak", "max_mbps", "seconds_at_full")
    } == {6}
    for span in ("until=0001-01-01T00:00:00Z", "since=9999-12-31T23:59:59Z", "since=0001-01-01T00:00:00%2B14:00"):
        assert admin("GET", f"/history?{span}")[0] == 200


@pytest.mark.parametrize("query", ["since=0", "until=yesterday", "since=2026-01-01T00:00:00", "step_minutes=0"])
def test_a_wrong_span_is_refused(admin: Api, query: str) -> None:
    status, answer = admin("GET", f"/history?{query}")
    assert (status, list(answer["error"]["fields"])) == (422, [query.partition("=")[0]])


def test_a_preview_says_what_a_limit_would_have_done(admin: Api) -> None:
    status, answer = admin("GET", "/limits/preview?max_concurrent=3&days=30")
    assert (status, answer["max_concurrent"], answer["days"]) == (200, 3, 30)


MANY = """
from datetime import timedelta
from django.utils import timezone
from streaming.models import Refusal
now = timezone.now().replace(microsecond=123_600)  # which rounds up to the next millisecond
Refusal.objects.all().delete()
for place in range(10):
    Refusal.objects.create(time=now + timedelta(microseconds=place // 4), user="viewer", reason="limit_reached")
"""


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_refusals_of_one_moment_come_in_parts_and_each_once(installation: Site, admin: Api, limit: int) -> None:
    installation.manage("shell", "-v0", "-c", MANY)
    rows: list[Any] = []
    query = f"limit={limit}"
    while query:
        assert len(rows) <= 10
        _, page = admin("GET", f"/refusals?{query}")
        rows += page["items"]
        query = f"limit={limit}&before={page['next']}" if page["next"] else ""
    times = [row["time"] for row in rows]
    assert (len({row["id"] for row in rows}), len(rows), times) == (10, 10, sorted(times, reverse=True))
    for before, count in (
        ("0001-01-01T00:00:00%2B14:00", 0),
        ("2020-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59-14:00", 10),
    ):
        assert len(admin("GET", f"/refusals?before={before}")[1]["items"]) == count  # a time does as well


@pytest.mark.parametrize("before", ["5", "yesterday", "5~6", "2026-01-01T00:00:00"])
def test_a_part_that_begins_nowhere_is_refused(admin: Api, before: str) -> None:
    status, answer = admin("GET", f"/refusals?before={before}")
    assert (status, set(answer["error"]["fields"])) == (422, {"before"})


# Test connection.


def test_a_camera_is_tested_as_stored_and_an_address_as_sent(
    installation: Site, admin: Api, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    for path, body in ((f"/cameras/{id}/test", None), ("/cameras/test", {"stream_url": camera.url})):
        status, answer = admin("POST", path, body)
        assert (status, answer["ok"], answer["width"], answer["codec"]) == (200, True, 640, "h264")
        assert answer["picture"].startswith("data:image/jpeg;base64,")
    camera.fault = Fault.UNAUTHORIZED
    status, answer = admin("POST", f"/cameras/{id}/test")
    assert (status, answer["ok"], answer["message"]) == (
        200, False, "The camera refused the user name or the password.",
    )  # fmt: skip


def test_what_cannot_be_tested_says_so(installation: Site, admin: Api) -> None:
    status, answer = admin("POST", f"/cameras/{installation.add_camera('No address', '')}/test")
    assert (status, answer["error"]["reason"]) == (409, "no_stream_url")
    for address in ("", "file:///etc/passwd", "rtsp://user:secret@host/"):
        status, answer = admin("POST", "/cameras/test", {"stream_url": address})
        assert (status, list(answer["error"]["fields"])) == (422, ["stream_url"])


# Redis.


def test_without_redis_streams_are_unavailable_and_cameras_are_not(tmp_path: Path, template: Path) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    with site(tmp_path, template) as created, RedisServer(folder) as redis:
        worker = created.start_worker(REDIS_URL=redis.url)
        lines = created.manage("shell", "-v0", "-c", MAKE).splitlines()
        admin = Api(worker.base, next(line.split(" ")[1] for line in lines if line.startswith("admin ")))
        redis.kill()
        for method, path, body in (
            ("GET", "/streams", None),
            ("DELETE", "/streams/x", None),
            ("POST", "/streams/x/stop", {}),
            ("GET", "/blocks", None),
            ("DELETE", "/blocks/1", None),
        ):
            status, answer = admin(method, path, body)
            assert (status, answer["error"]["reason"]) == (503, "gate_unavailable")
        assert admin("GET", "/limits")[1]["usage"]["state"] == "unavailable"
        assert admin("GET", "/cameras")[0] == 200

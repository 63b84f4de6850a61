"""HTTP requests of pages and other clients to a worker."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cameras.simulator import Fault, SimulatedCamera
from tests.client import Session, Stream, eventually
from tests.servers import PASSWORD, PATIENCE, Site, site, wait_until

USAGE = "/admin/streaming/system/usage/"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template) as created:
        created.start_worker(STREAM_FIRST_FRAME_SECONDS="2", STREAM_READ_TIMEOUT_SECONDS="1")
        yield created


@pytest.fixture
def admin(installation: Site) -> Session:
    return Session(installation.workers[0].base, "admin")


def state_of(session: Session, camera: str) -> object:
    return session.json("/api/v1/cameras/stream/metrics")["cameras"].get(camera, {}).get("state")


def shown(admin: Session) -> tuple[list[str], int]:
    """Returns the qualities of the viewers, and the number of workers."""
    usage = admin.json(USAGE)
    return [row["quality"] for row in usage["viewers"]], len(usage["workers"])


def slots_in_use(session: Session) -> int:
    return session.json("/api/v1/cameras/stream/metrics")["gate"]["in_use"]  # type: ignore[no-any-return]


def image_of(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


async def test_info_tells_what_a_page_needs(installation: Site, session: Session, camera: SimulatedCamera) -> None:
    id = installation.add_camera("Yard", camera.url)
    async with Stream(session, id) as stream:
        await stream.live()
        await asyncio.sleep(0.6)  # the figure may be half a second old
        info = session.json(f"/api/v1/cameras/{id}/stream/info")
    facts = info["streams"]["original"]
    assert [facts[name] for name in ("codec", "width", "height")] == ["h264", camera.width, camera.height]
    assert info == {
        "type": "websocket",
        "camera": id,
        "name": "Yard",
        "websocket_path": f"/api/v1/cameras/{id}/stream",
        "snapshot_path": f"/api/v1/cameras/{id}/stream/snapshot",
        "qualities": ["low", "medium", "high", "original"],
        "streams": {"original": info["streams"]["original"]},
        "default_quality": "medium",
        "viewers": 1,
        "in_use": 1,
        "limit": 10,
        "is_available": True,
    }


def test_a_snapshot_is_a_fresh_picture_of_its_quality_and_takes_no_slot(
    installation: Site, session: Session, simulator: Any
) -> None:
    camera = simulator.add(SimulatedCamera(name="Gate", path="gate", width=1280, height=720, fps=10))
    id = installation.add_camera("Gate", camera.url)
    wait_until(lambda: slots_in_use(session) == 0, PATIENCE, "the slots of earlier tests are free")
    status, data = session.get(f"/api/v1/cameras/{id}/stream/snapshot?quality=low")
    assert status == 200
    assert image_of(data).shape == (360, 640, 3)
    assert slots_in_use(session) == 0


def test_many_snapshots_at_once_cost_the_camera_one_connection(
    installation: Site, session: Session, camera: SimulatedCamera
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    id = installation.add_camera("Yard", camera.url)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: session.get(f"/api/v1/cameras/{id}/stream/snapshot"), range(8)))
    assert {status for status, _ in answers} == {200}
    assert camera.connections_total == 1


def test_a_snapshot_of_a_dead_camera_says_why(installation: Site, session: Session, camera: SimulatedCamera) -> None:
    camera.fault = Fault.REFUSE
    id = installation.add_camera("Yard", camera.url)
    status, body = session.get(f"/api/v1/cameras/{id}/stream/snapshot")
    assert status == 503
    assert b"camera_unreachable" in body


@pytest.mark.parametrize("path", ["stream/info", "stream/snapshot"])
def test_errors_have_their_status(installation: Site, session: Session, path: str) -> None:
    base = session.base
    id = installation.add_camera("No address", "")
    assert session.get(f"/api/v1/cameras/{uuid.uuid4()}/{path}")[0] == 404
    assert session.get(f"/api/v1/cameras/{id}/{path}")[0] == 409
    assert Session(base, "nobody").get(f"/api/v1/cameras/{id}/{path}")[0] == 403
    assert Session(base, "").get(f"/api/v1/cameras/{id}/{path}")[0] == 401


def test_an_unknown_quality_is_a_bad_request(installation: Site, session: Session, camera: SimulatedCamera) -> None:
    id = installation.add_camera("Yard", camera.url)
    assert session.get(f"/api/v1/cameras/{id}/stream/snapshot?quality=ultra")[0] == 400


@pytest.mark.timing("two seconds, which are promised")
async def test_metrics_tell_the_gate_and_the_cameras_within_two_seconds(
    installation: Site, session: Session, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    async with Stream(session, id) as stream:
        await stream.live()
        await eventually(lambda: state_of(session, id) == "live", 2)
        metrics = session.json("/api/v1/cameras/stream/metrics")
        assert metrics["gate"] == {"in_use": 1, "limit": 10, "available": 9, "state": "open", "waiting": 0}
        assert metrics["cameras"][id]["viewers"] == 1
        assert metrics["yours"] == {"in_use": 1, "limit": 0, "blocked_seconds": 0}
        assert metrics["max_per_camera"] == 0
        other = Session(installation.workers[0].base, "viewer2").json("/api/v1/cameras/stream/metrics")
        assert other["yours"] == {"in_use": 0, "limit": 0, "blocked_seconds": 0}


def test_metrics_are_for_viewers(installation: Site) -> None:
    base = installation.workers[0].base
    assert Session(base, "").get("/api/v1/cameras/stream/metrics")[0] == 401
    assert Session(base, "nobody").get("/api/v1/cameras/stream/metrics")[0] == 403


def test_health_needs_no_login(installation: Site) -> None:
    worker = installation.workers[0]
    assert (worker.status("/healthz"), worker.status("/readyz")) == (200, 200)


def test_static_files_are_served_by_the_worker(session: Session) -> None:
    assert session.get("/static/streaming/engine/viewer.js")[0] == 200
    assert session.get("/static/admin/css/base.css")[0] == 200


@pytest.mark.timing("two seconds, which are promised")
async def test_system_shows_who_watches_what_within_two_seconds(
    installation: Site, session: Session, admin: Session, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    async with Stream(session, id, "?quality=low") as stream:
        await stream.live()
        # The viewer of the test before may still be listed, and a new worker's first report be missing.
        await eventually(lambda: shown(admin) == (["low"], 1), 2)
        usage = admin.json(USAGE)
        (row,) = usage["viewers"]
        assert (row["user"], row["camera"], row["quality"], row["address"]) == ("viewer", "Yard", "low", "127.0.0.1")
        assert row["worker"] == usage["workers"][0]["id"]
        await stream.send({"type": "quality_change", "quality": "high"})
        await eventually(lambda: admin.json(USAGE)["viewers"][0]["quality"] == "high")


async def test_whoever_waits_for_a_still_is_no_viewer_of_the_worker(
    installation: Site, session: Session, admin: Session, camera: SimulatedCamera
) -> None:
    def figures() -> set[tuple[int, int]]:
        return {(worker["cameras"], worker["viewers"]) for worker in admin.json(USAGE)["workers"]}

    await eventually(lambda: {viewers for _, viewers in figures()} == {0})  # that of the test before has left
    camera.fault = Fault.SILENT
    path = f"/api/v1/cameras/{installation.add_camera('Yard', camera.url)}/stream/snapshot"
    still = asyncio.create_task(asyncio.to_thread(session.get, path))
    told = set()
    while not still.done():
        told |= figures()
        await asyncio.sleep(0.1)
    assert any(cameras for cameras, _ in told), "the camera is being opened"
    assert {viewers for _, viewers in told} == {0}


def test_system_is_an_entry_of_settings_and_asks_for_the_permission(installation: Site, admin: Session) -> None:
    _, index = admin.get("/admin/")
    assert b"Settings" in index
    assert b'href="/admin/streaming/system/"' in index
    assert admin.get("/admin/streaming/system/")[0] == 200
    staff = Session(admin.base, "staff")
    assert staff.get("/admin/streaming/system/")[0] == 403
    assert staff.get("/admin/streaming/system/usage/")[0] == 403
    assert b"streaming/system" not in staff.get("/admin/")[1]


PERSONS = f"""
from django.contrib.auth.models import Permission, User
for name, may in (("looks", ["view_system"]), ("does", ["view_system", "stop_stream", "change_limits"])):
    user = User.objects.create_user(name, password={PASSWORD!r}, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=may))
"""
CONTROLS = {  # of the pages of System
    "": {b"stop-dialog", b'data-place="blocked"'},
    "page/line/": {b"stop-dialog"},
    "page/limits/": {b"limits-form", b"trial-form"},
    "page/history/": set(),
}


def test_each_page_of_system_has_what_it_shows_and_offers_only_what_the_user_may_do(installation: Site) -> None:
    installation.manage("shell", "-v0", "-c", PERSONS)
    looks, does = (Session(installation.workers[0].base, name) for name in ("looks", "does"))
    for path, expected in CONTROLS.items():
        for session, controls in ((looks, set()), (does, expected)):
            status, page = session.get(f"/admin/streaming/system/{path}")
            assert status == 200
            assert {control for control in set().union(*CONTROLS.values()) if control in page} == controls


def test_connection_test_shows_a_picture_and_its_facts(admin: Session, camera: SimulatedCamera) -> None:
    admin.get("/admin/cameras/camera/add/")
    status, body = admin.post("/api/v1/cameras/test-connection", {"stream_url": camera.url})
    assert status == 200
    import json

    answer = json.loads(body)
    assert (answer["ok"], answer["width"], answer["height"], answer["codec"]) == (True, 640, 360, "h264")
    assert answer["frames_per_second"] == camera.fps
    assert answer["picture"].startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Fault.UNAUTHORIZED, b"password"), (Fault.HANG, b"in time")],
)
def test_connection_test_names_the_reason(admin: Session, camera: SimulatedCamera, fault: Fault, reason: bytes) -> None:
    camera.fault = fault
    _, body = admin.post("/api/v1/cameras/test-connection", {"stream_url": camera.url})
    assert reason in body


def test_connection_test_refuses_what_is_no_camera_address(admin: Session) -> None:
    for address in ("file:///etc/passwd", "/etc/passwd", "concat:a|b", "rtsp://user:secret@host/"):
        _, body = admin.post("/api/v1/cameras/test-connection", {"stream_url": address})
        assert b'"ok": false' in body
    _, body = admin.post("/api/v1/cameras/test-connection", {"stream_url": "rtsp://127.0.0.1:1/"})
    assert b"Connection refused" in body


def test_connection_test_is_for_those_who_edit_cameras(session: Session) -> None:
    assert session.post("/api/v1/cameras/test-connection", {"stream_url": "rtsp://127.0.0.1:1/"})[0] == 403

"""Running streams in the JSON API: listed, stopped, blocked; and the test of a camera."""

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from cameras.simulator import Fault, SimulatedCamera
from tests.acceptance.api.client import LOG, Api
from tests.client import Session, Stream, eventually
from tests.servers import PATIENCE, Site


@pytest.fixture
def viewer2(installation: Site, admin: Api) -> Iterator[Session]:
    """A user who can watch again after the test."""
    yield Session(installation.workers[0].base, "viewer2")
    for block in admin("GET", "/blocks")[1]["items"]:
        assert admin("DELETE", f"/blocks/{block['user_id']}")[0] == 204


async def test_running_streams_are_listed_over_all_workers(
    installation: Site, admin: Api, viewer: Session, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    async with Stream(viewer, id, "?quality=low") as one:
        await one.live()
        async with Stream(viewer.at(installation.workers[1].base), id) as two:
            await two.live()
            await eventually(lambda: admin("GET", "/streams")[1]["count"] == 2)
            status, page = admin("GET", "/streams?limit=1&offset=0")
            assert (status, page["count"], len(page["items"])) == (200, 2, 1)
            (row,) = page["items"]
            assert row["id"] == one.last("info")["viewing_id"]
            assert (row["user"], row["camera"], row["camera_id"], row["quality"]) == ("viewer", "Yard", id, "low")
            assert row["since"].endswith("Z")
            await eventually(lambda: admin("GET", "/limits")[1]["usage"]["in_use"] == 2)  # read half a second ago


@pytest.mark.timing("two seconds, which are promised")
async def test_a_stream_is_stopped_from_another_worker_with_a_message_and_stays_out(
    installation: Site, admin: Api, viewer2: Session, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    async with Stream(viewer2, id) as stream:
        await stream.live()
        viewing = stream.last("info")["viewing_id"]
        order = {"message": "Needed elsewhere.", "block_seconds": 10}
        await eventually(lambda: [row["id"] for row in admin("GET", "/streams")[1]["items"]] == [viewing])
        assert await asyncio.to_thread(admin, "POST", f"/streams/{viewing}/stop", order) == (200, {"stopped": 1})
        assert await stream.ended(2) == 4410
        assert stream.last("error")["message"] == "Needed elsewhere."
    async with Stream(viewer2, id) as again:
        assert await again.ended(5) == 4410
    status, answer = await asyncio.to_thread(admin, "POST", f"/streams/{viewing}/stop", order)
    assert (status, answer["error"]["reason"]) == (404, "stream_not_found")
    log = installation.manage("shell", "-v0", "-c", LOG)
    assert "admin: Stopped the stream of viewer2 at Yard, blocked for 10 s: Needed elsewhere." in log
    await eventually(lambda: admin("GET", "/blocks")[1]["count"] == 0, 10 + PATIENCE)


@pytest.mark.timing("two seconds, which are promised")
async def test_a_blocked_user_is_listed_and_let_in_again(
    installation: Site, admin: Api, viewer2: Session, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    async with Stream(viewer2, id) as stream:
        await stream.live()
        path = f"/streams/{stream.last('info')['viewing_id']}/stop"
        await asyncio.to_thread(admin, "POST", path, {"message": "Not now.", "block_seconds": 300})
        assert await stream.ended(2) == 4410
    _, page = await asyncio.to_thread(admin, "GET", "/blocks")
    (block,) = page["items"]
    assert (page["count"], block["user"], block["message"], block["by"]) == (1, "viewer2", "Not now.", "admin")
    assert 290 < block["seconds_left"] <= 300
    assert 290 < (await asyncio.to_thread(yours, viewer2))["blocked_seconds"] <= 300
    listed = await asyncio.to_thread(installation.manage, "slots")
    assert "blocked viewer2: 0:0" in listed and "left, by admin  Not now." in listed
    path = f"/blocks/{block['user_id']}"
    assert await asyncio.to_thread(admin, "DELETE", path) == (204, None)
    assert (await asyncio.to_thread(yours, viewer2))["blocked_seconds"] == 0
    async with Stream(viewer2, id) as again:
        await again.live()
    status, answer = await asyncio.to_thread(admin, "DELETE", path)
    assert (status, answer["error"]["reason"]) == (404, "block_not_found")
    assert installation.manage("shell", "-v0", "-c", LOG).startswith("admin: Unblocked viewer2\n")


def yours(session: Session) -> Any:
    return session.json("/api/v1/cameras/stream/metrics")["yours"]


async def test_the_command_lets_a_user_in_again(installation: Site, admin: Api, camera: SimulatedCamera) -> None:
    viewer = Session(installation.workers[0].base, "viewer2")
    async with Stream(viewer, installation.add_camera("Yard", camera.url)) as stream:
        await stream.live()
        path = f"/streams/{stream.last('info')['viewing_id']}/stop"
        await asyncio.to_thread(admin, "POST", path, {"block_seconds": 300})
    lifted = await asyncio.to_thread(installation.manage, "slots", "--unblock", "viewer2")
    assert "viewer2 can watch again." in lifted
    assert (await asyncio.to_thread(admin, "GET", "/blocks"))[1]["items"] == []


@pytest.mark.timing("two seconds, which are promised")
async def test_a_stream_is_stopped_without_a_word(
    installation: Site, admin: Api, viewer: Session, camera: SimulatedCamera
) -> None:
    async with Stream(viewer, installation.add_camera("Yard", camera.url)) as stream:
        await stream.live()
        viewing = stream.last("info")["viewing_id"]
        assert await asyncio.to_thread(admin, "DELETE", f"/streams/{viewing}") == (204, None)
        assert await stream.ended(2) == 4410


@pytest.mark.timing("two seconds, which are promised")
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
        200, False, "The camera wants a user name and a password.",
    )  # fmt: skip


def test_a_substream_is_tested_as_stored(installation: Site, admin: Api, camera: SimulatedCamera) -> None:
    id = installation.add_camera("Yard", "rtsp://127.0.0.1:1/", substream=camera.url)
    status, answer = admin("POST", f"/cameras/{id}/test?stream=sub")
    assert (status, answer["ok"], answer["width"]) == (200, True, 640)
    assert admin("POST", f"/cameras/{id}/test?stream=other")[0] == 422
    alone = installation.add_camera("Alone", camera.url)
    status, answer = admin("POST", f"/cameras/{alone}/test?stream=sub")
    assert (status, answer["error"]["message"]) == (409, "The camera has no substream.")


def test_what_cannot_be_tested_says_so(installation: Site, admin: Api) -> None:
    status, answer = admin("POST", f"/cameras/{installation.add_camera('No address', '')}/test")
    assert (status, answer["error"]["reason"]) == (409, "no_stream_url")
    for address in ("", "file:///etc/passwd", "rtsp://user:secret@host/"):
        status, answer = admin("POST", "/cameras/test", {"stream_url": address})
        assert (status, list(answer["error"]["fields"])) == (422, ["stream_url"])

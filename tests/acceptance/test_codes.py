"""Each close code of the protocol, as a client sees it, and that the slot is free afterwards."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets.asyncio.client
from websockets.exceptions import InvalidStatus

from cameras.simulator import Fault, SimulatedCamera
from tests.client import Session, Stream, eventually, in_use
from tests.servers import Site, Worker, site

QUICK = {"STREAM_FIRST_FRAME_SECONDS": "3", "STREAM_READ_TIMEOUT_SECONDS": "1", "STREAM_RECONNECT_SECONDS": "3"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template) as created:
        created.start_worker(**QUICK)  # type: ignore[arg-type]
        yield created


@pytest.fixture
def worker(installation: Site) -> Worker:
    return installation.workers[0]


async def freed(session: Session) -> None:
    await eventually(lambda: not in_use(session))


async def ends_with(stream: Stream, code: int, reason: str) -> None:
    async with stream:
        assert await stream.ended() == code
        error = stream.last("error")
        assert (error["code"], error["reason"]) == (code, reason)
        assert error["message"]


async def test_an_unknown_camera_closes_with_4004(session: Session) -> None:
    await ends_with(Stream(session, str(uuid.uuid4())), 4004, "camera_not_found")


async def test_a_disabled_camera_closes_with_4004(
    installation: Site, session: Session, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url, enabled=False)
    await ends_with(Stream(session, id), 4004, "camera_not_found")


async def test_a_camera_without_an_address_closes_with_4400(installation: Site, session: Session) -> None:
    await ends_with(Stream(session, installation.add_camera("Yard", "")), 4400, "no_stream_url")


async def test_a_stranger_closes_with_4401(worker: Worker, camera_id: str) -> None:
    await ends_with(Stream(Session(worker.base, username=""), camera_id), 4401, "not_authenticated")


async def test_a_user_without_the_permission_closes_with_4403(worker: Worker, camera_id: str) -> None:
    await ends_with(Stream(Session(worker.base, "nobody"), camera_id), 4403, "permission_denied")


@pytest.mark.timing("measures ten seconds without an acknowledgement")
async def test_a_viewer_that_acknowledges_nothing_closes_with_4408_after_two_frames(
    session: Session, camera_id: str
) -> None:
    async with Stream(session, camera_id, acknowledges=False) as stream:
        assert await stream.ended(20) == 4408
        assert stream.count == 2
        assert 9.5 < stream.closed - stream.opened < 15
        assert stream.last("error")["reason"] == "viewer_unresponsive"
    await freed(session)


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[]",
        '{"type": "dance"}',
        '{"type": "ack"}',
        '{"type": "quality_change", "quality": "ultra"}',
        "x" * 1100,
    ],
)
async def test_a_message_that_the_protocol_does_not_know_closes_with_4422(
    session: Session, message: str, camera_id: str
) -> None:
    async with Stream(session, camera_id) as stream:
        await stream.live()
        await stream.socket.send(message)
        assert await stream.ended() == 4422
        assert stream.last("error")["reason"] == "protocol_error"
    await freed(session)


async def test_a_flood_of_messages_closes_with_4422(session: Session, camera_id: str) -> None:
    async with Stream(session, camera_id) as stream:
        for _ in range(500):
            await stream.send({"type": "ping", "time": 1})
        assert await stream.ended() == 4422


async def test_an_unknown_quality_is_refused_before_anything_else(installation: Site, session: Session) -> None:
    await ends_with(Stream(session, str(uuid.uuid4()), "?quality=ultra"), 4422, "protocol_error")


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.HANG, Fault.UNAUTHORIZED, Fault.TRICKLE])
async def test_a_camera_without_a_picture_closes_with_4503_and_gives_its_slot_back(
    session: Session, camera: SimulatedCamera, fault: Fault, camera_id: str
) -> None:
    camera.fault = fault
    async with Stream(session, camera_id) as stream:
        assert await stream.ended() == 4503
        assert stream.last("error")["reason"] == "camera_unreachable"
        assert stream.last("status")["state"] == "connecting"
    await freed(session)


async def test_a_camera_that_comes_back_goes_on_in_the_same_viewing(
    session: Session, camera: SimulatedCamera, camera_id: str
) -> None:
    async with Stream(session, camera_id) as stream:
        await stream.live()
        epoch = stream.pictures[-1].epoch
        camera.drop_connections()
        await stream.until(lambda stream: any(message.get("state") == "reconnecting" for message in stream.messages))
        await stream.until(lambda stream: stream.pictures[-1].epoch == epoch + 1)
        assert stream.last("status")["state"] == "live"
        assert len([message for message in stream.messages if message["type"] == "info"]) == 1


async def test_a_running_stream_ends_with_4401_when_its_viewer_logs_out(session: Session, camera_id: str) -> None:
    async with Stream(session, camera_id) as stream:
        await stream.live()
        session.post("/accounts/logout/", {})
        assert await stream.ended(15) == 4401


async def test_a_running_stream_ends_with_4004_when_its_camera_is_disabled(
    installation: Site, session: Session, camera_id: str
) -> None:
    async with Stream(session, camera_id) as stream:
        await stream.live()
        installation.update_camera(camera_id, "enabled", False)
        assert await stream.ended(15) == 4004


async def test_a_foreign_origin_is_refused_before_anything_else(session: Session, camera_id: str) -> None:
    url = f"{session.base.replace('http', 'ws')}/api/v1/cameras/{camera_id}/stream"
    for origin in ("http://evil.test", "http://127.0.0.1:1", "null", None):
        with pytest.raises(InvalidStatus) as refusal:
            await websockets.asyncio.client.connect(
                url,
                origin=origin,  # type: ignore[arg-type]
                additional_headers={"Cookie": session.cookie},
            )
        assert refusal.value.response.status_code == 403

"""A camera's fan-out between the capture's thread and the event loop. The tests take the capture's part."""

import pytest

from cameras.sources import CameraSource
from streaming.ingest.active_camera import ActiveCamera, CameraEvents, Feed
from streaming.ingest.condition import Condition, State
from streaming.ingest.frames import JPEG_ONLY, Flag, Format, Frame
from streaming.ingest.reader import Allowance
from streaming.ingest.relay import no_sharing
from tests.streaming.ingest.feeds import BOTH, waiting

KEY = Frame(Format.H264, "original", b"key", 0.0, 0.0, 0, Flag.KEY, "avc1.42C01F")
OTHERS = [KEY._replace(data=b"%d" % number, flags=Flag(0)) for number in range(10)]


@pytest.fixture
def told() -> list[str | None]:
    """The events of the camera: its id for a loss, None for a change."""
    return []


@pytest.fixture
async def camera(told: list[str | None]) -> ActiveCamera:
    """A live camera that sends H.264."""
    events = CameraEvents(lambda: told.append(None), told.append)
    camera = ActiveCamera("7", CameraSource("rtsp://camera.example/"), Allowance(1, 1), events, no_sharing)
    camera.on_own_format(Format.H264)
    camera.on_condition(Condition(State.LIVE, 0))
    return camera


def join(camera: ActiveCamera, quality: str, formats: frozenset[Format] = JPEG_ONLY) -> Feed:
    feed = Feed(camera, quality, formats)
    camera.join(feed)
    return feed


async def test_video_that_is_still_queued_is_not_delivered_to_a_viewer_that_has_switched_to_jpeg(
    camera: ActiveCamera,
) -> None:
    feed = join(camera, "original", BOTH)
    camera.on_frame(KEY)
    feed.switch("low")
    assert not await waiting(feed)


async def test_a_new_viewer_is_told_of_a_change_that_is_still_queued(camera: ActiveCamera) -> None:
    join(camera, "low")
    camera.on_condition(Condition(State.RECONNECTING, 0))
    assert join(camera, "low").condition.state is State.RECONNECTING


async def test_a_new_viewer_of_video_that_nobody_watched_gets_all_of_it(camera: ActiveCamera) -> None:
    for frame in (KEY, *OTHERS):
        camera.on_frame(frame)
    frames = await waiting(join(camera, "original", BOTH))
    assert [frame.data for frame in frames] == [b"key", *(frame.data for frame in OTHERS)]
    assert frames[0].flags == Flag.KEY | Flag.BACKLOG


async def test_a_camera_that_is_lost_is_told_to_the_owner_once(camera: ActiveCamera, told: list[str | None]) -> None:
    join(camera, "low")  # handles the queued calls
    told.clear()
    for failures in (1, 2):
        camera.on_condition(Condition(State.RECONNECTING, 0, failures))
    assert join(camera, "low").condition.failures == 2
    assert told == [None, "7"]

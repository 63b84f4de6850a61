"""The quality `original` of an H.265 camera: its own video for viewers who confirm its codec, else JPEG."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cameras.simulator import SimulatedCamera, Simulator, read_clock
from tests.client import Session, Stream
from tests.servers import Site, site
from tests.streaming.ingest.h265 import decode

ORIGINAL = "?quality=original&formats=jpeg,h264,h265"
JPEG, H265 = 1, 3
KEY, DISCONTINUITY, BACKLOG = 1, 2, 4
FPS = 10
ALL = 1_000_000  # pictures kept
CODEC = "hev1.1.6.L63.90"  # Main, level 2.1: 640x360


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template) as created:
        created.start_worker()
        yield created


@pytest.fixture
def camera(simulator: Simulator) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Yard", "yard", width=640, height=360, fps=FPS, codec="h265"))


async def until_asked(stream: Stream) -> str:
    """Waits until the viewer is told the codec of H.265. Returns it."""
    await stream.until(
        lambda stream: any(message.get("format") == "h265" and message["codec"] for message in stream.messages)
    )
    return str(stream.last("quality_changed")["codec"])


@pytest.mark.timing("a viewer that is two seconds late misses pictures")
async def test_a_viewer_who_confirms_the_codec_gets_the_camera_s_own_video(session: Session, camera_id: str) -> None:
    async with Stream(session, camera_id, ORIGINAL, keep=ALL) as stream:
        codec = await until_asked(stream)
        assert not any(picture.kind == H265 for picture in stream.pictures)
        before = stream.count
        await stream.send({"type": "confirm_codec", "codec": codec})
        await stream.until(lambda stream: stream.count > before + 2 * FPS)
        video = stream.pictures[before:]
        await stream.send({"type": "quality_change", "quality": "low"})
        await stream.until(lambda stream: stream.pictures[-1].kind == JPEG)
        assert stream.close_code is None
    told = stream.messages[video[0].told - 1]
    assert (told["format"], told["codec"], told["window"]) == ("h265", codec, 25)
    assert {picture.kind for picture in video} == {H265}
    assert video[0].flags & KEY and not any(picture.flags & DISCONTINUITY for picture in video)
    frames = decode([picture.data for picture in video])
    assert len(frames) == len(video) and not any(frame.is_corrupt for frame in frames)
    clocks = [read_clock(frame.to_ndarray(format="bgr24")) for frame in frames]
    assert None not in clocks and clocks == sorted(set(clocks))  # type: ignore[type-var]


async def test_a_viewer_who_does_not_play_the_codec_asks_for_another_quality(session: Session, camera_id: str) -> None:
    async with Stream(session, camera_id, ORIGINAL, keep=ALL) as stream:
        await until_asked(stream)
        await stream.send({"type": "quality_change", "quality": "high"})
        await stream.until(lambda stream: stream.count > 5)
    assert {picture.kind for picture in stream.pictures} == {JPEG}
    assert stream.last("quality_changed")["quality"] == "high"


async def test_a_late_viewer_of_h265_is_live_long_before_the_next_key(
    installation: Site, session: Session, simulator: Simulator
) -> None:
    camera = SimulatedCamera("Gate", "gate", width=640, height=360, fps=FPS, codec="h265", gop_seconds=10)
    id = installation.add_camera("Gate", simulator.add(camera).url)
    async with Stream(session, id, ORIGINAL, keep=ALL) as early, Stream(session, id, ORIGINAL, keep=ALL) as late:
        for stream in (early, late):
            await stream.send({"type": "confirm_codec", "codec": await until_asked(stream)})
            await stream.until(
                lambda stream: bool(stream.pictures) and not stream.pictures[-1].flags & BACKLOG, seconds=5
            )
            await stream.until(lambda stream: stream.count > FPS)
    video = [picture for picture in late.pictures if picture.kind == H265]
    assert video[0].flags == KEY | BACKLOG
    assert not any(frame.is_corrupt for frame in decode([picture.data for picture in video]))

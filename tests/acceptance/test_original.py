"""The quality `original`: viewers receive the camera's own H.264, or JPEG if that is not possible."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from cameras.simulator import SimulatedCamera, Simulator, age_ms, read_clock
from cameras.simulator.coding.nal import split
from tests.cameras.simulator.clients import RawRead, read_raw, watch
from tests.client import Picture, Session, Stream, eventually, in_use
from tests.servers import Site, site

ORIGINAL = "?quality=original&formats=jpeg,h264"
JPEG, H264 = 1, 2
KEY, DISCONTINUITY, BACKLOG = 1, 2, 4
SLICE, IDR = 1, 5
FPS = 25
WINDOW, ALL = 25, 1_000_000  # pictures of video in flight, and pictures kept


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template) as created:
        created.start_worker()
        yield created


def add(simulator: Simulator, **settings: Any) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Yard", "yard", **{"width": 640, "height": 360, "fps": FPS, **settings}))


def kinds(pictures: Sequence[Picture]) -> set[int]:
    return {picture.kind for picture in pictures}


def is_idr(data: bytes) -> bool:
    return any(nal[0] & 0x1F == IDR for nal in split(data))


def first_slice(data: bytes) -> bytes:
    return next(nal for nal in split(data) if nal[0] & 0x1F in (SLICE, IDR))


def decoded(pictures: Sequence[Picture]) -> list[av.VideoFrame]:
    """Decodes only these pictures. Returns the frames."""
    context: Any = av.CodecContext.create("h264", "r")
    return [frame for picture in pictures for frame in context.decode(av.Packet(picture.data))]


async def until_count(stream: Stream, more: int, seconds: float = 15) -> None:
    count = stream.count + more
    await stream.until(lambda stream: stream.count >= count or stream.close_code is not None, seconds)
    assert stream.close_code is None, stream.messages


@pytest.mark.timing("a viewer that is two seconds late misses pictures")
async def test_a_viewer_that_plays_h264_is_told_the_codec_and_then_sent_the_camera_s_own_video(
    session: Session, camera_id: str
) -> None:
    async with Stream(session, camera_id, ORIGINAL, keep=ALL) as stream:
        await stream.until(lambda stream: bool(stream.pictures) and stream.pictures[-1].kind == H264)
        await until_count(stream, 2 * FPS)
        pictures = list(stream.pictures)  # more come until the stream is closed
    video = [picture for picture in pictures if picture.kind == H264]
    told = [message for message in stream.messages[: video[0].told] if message["type"] == "quality_changed"]
    sps = split(video[0].data)[0]
    assert told[-1] == {
        "type": "quality_changed",
        "quality": "original",
        "format": "h264",
        "codec": f"avc1.{sps[1:4].hex().upper()}",
        "window": WINDOW,
    }
    assert stream.messages.count(told[-1]) == 1
    assert video == pictures[-len(video) :]  # nothing else in between
    assert [picture.seq for picture in video] == list(range(video[0].seq, video[0].seq + len(video)))
    assert video[0].flags & KEY and not any(picture.flags & DISCONTINUITY for picture in video[1:])
    assert [bool(picture.flags & KEY) for picture in video] == [is_idr(picture.data) for picture in video]
    frames = decoded(video)
    assert len(frames) == len(video)
    assert not any(frame.is_corrupt for frame in frames)
    clocks = [read_clock(frame.to_ndarray(format="bgr24")) for frame in frames]
    assert None not in clocks and clocks == sorted(set(clocks))  # type: ignore[type-var]


@pytest.mark.timing("measures the age of a picture")
async def test_the_original_is_live(session: Session, camera_id: str) -> None:
    async with Stream(session, camera_id, ORIGINAL, keep=ALL) as stream:
        await until_count(stream, 2 * FPS)
        now = time.time() * 1000
    frame = decoded([picture for picture in stream.pictures if picture.kind == H264])[-1]
    age = age_ms(frame.to_ndarray(format="bgr24"), now)
    assert age is not None and age < 1000


@pytest.mark.parametrize("formats", ["", "&formats=jpeg", "&formats=h265,vp9"])
async def test_a_viewer_that_plays_no_h264_gets_the_original_as_jpeg(
    session: Session, formats: str, camera_id: str
) -> None:
    async with Stream(session, camera_id, f"?quality=original{formats}", keep=ALL) as stream:
        await until_count(stream, 5)
        assert kinds(stream.pictures) == {JPEG}
        assert stream.pictures[-1].image.shape == (360, 640, 3)
        assert (stream.last("info")["format"], stream.last("info")["window"]) == ("jpeg", 2)


@pytest.mark.timing("measures the age of a picture")
@pytest.mark.parametrize("settings", [{"codec": "h265"}, {"codec": "mjpeg"}, {"transport": "http"}], ids=str)
async def test_the_original_of_a_camera_without_h264_is_jpeg(
    installation: Site, session: Session, simulator: Simulator, settings: dict[str, Any]
) -> None:
    id = installation.add_camera("Yard", add(simulator, **settings).url)
    async with Stream(session, id, ORIGINAL, keep=ALL) as stream:
        await until_count(stream, 5)
        assert kinds(stream.pictures) == {JPEG}
        assert stream.pictures[-1].image.shape == (360, 640, 3)
        age = stream.pictures[-1].clock_age()
        assert age is not None and age < 2000
        assert "h264" not in {message.get("format") for message in stream.messages}


async def test_one_viewing_is_switched_between_low_and_original(
    session: Session, camera: SimulatedCamera, camera_id: str
) -> None:
    async with Stream(session, camera_id, "?quality=low&formats=jpeg,h264", keep=ALL) as stream:
        await stream.live()
        for _ in range(2):
            await stream.send({"type": "quality_change", "quality": "original"})
            await stream.until(lambda stream: stream.pictures[-1].kind == H264)
            changed = stream.last("quality_changed")
            assert (changed["quality"], changed["format"], changed["window"]) == ("original", "h264", WINDOW)
            assert changed["codec"].startswith("avc1.")
            first = next(picture for picture in stream.pictures if picture.kind == H264)
            assert first.flags & KEY
            await until_count(stream, FPS)
            await stream.send({"type": "quality_change", "quality": "low"})
            await stream.until(lambda stream: stream.pictures[-1].kind == JPEG)
            changed = stream.last("quality_changed")
            assert [changed[name] for name in ("quality", "format", "window", "codec")] == ["low", "jpeg", 2, None]
            await until_count(stream, 3)
            assert stream.pictures[-1].image.shape == (360, 640, 3)
            stream.pictures.clear()
            await until_count(stream, 1)
        assert stream.close_code is None
        assert len([message for message in stream.messages if message["type"] == "info"]) == 1
    assert camera.connections_total == 1


def raw_reads(camera: SimulatedCamera, count: int) -> list[RawRead]:
    with watch(camera.url, raw=True) as capture:
        return read_raw(capture, count)


async def test_the_original_costs_what_the_camera_sends_and_no_picture_is_missing(
    session: Session, camera: SimulatedCamera, camera_id: str
) -> None:
    async with Stream(session, camera_id, ORIGINAL, keep=ALL) as stream:
        await stream.until(lambda stream: bool(stream.pictures) and stream.pictures[-1].kind == H264)
        reads = await asyncio.to_thread(raw_reads, camera, 4 * FPS)
        last = first_slice(reads[-1].data)
        await stream.until(lambda stream: any(last in picture.data for picture in stream.pictures))
    video = [picture for picture in stream.pictures if picture.kind == H264]
    slices = [first_slice(picture.data) for picture in video]
    start = slices.index(first_slice(reads[0].data))
    assert slices[start : start + len(reads)] == [first_slice(read.data) for read in reads]
    received = sum(24 + len(picture.data) for picture in video[start : start + len(reads)])
    assert received == pytest.approx(sum(len(read.data) for read in reads), rel=0.03)


async def test_a_viewer_that_acknowledges_nothing_gets_a_window_of_video_and_then_4408(
    session: Session, camera_id: str
) -> None:
    async with Stream(session, camera_id, ORIGINAL, acknowledges=False, keep=ALL) as stream:
        assert await stream.ended(20) == 4408
        assert stream.last("error")["reason"] == "viewer_unresponsive"
    assert stream.count == WINDOW
    assert kinds(stream.pictures) == {H264}
    await eventually(lambda: in_use(session) == 0)


@pytest.mark.timing("a viewer that is two seconds late misses pictures")
async def test_a_viewer_that_pauses_goes_on_with_a_key_and_is_told_of_the_gap(session: Session, camera_id: str) -> None:
    async with Stream(session, camera_id, ORIGINAL, acknowledges=False, keep=ALL) as stream:
        async with Stream(session, camera_id, ORIGINAL, keep=1) as other:
            await stream.until(lambda stream: stream.count == WINDOW)
            count = other.count
            await other.until(lambda stream: stream.count > count + 3 * FPS)  # more than the queue of one viewer holds
        stream.acknowledges = True
        await stream.send({"type": "ack", "seq": WINDOW})
        await until_count(stream, 2 * FPS)
    seqs = [picture.seq for picture in stream.pictures]
    assert seqs == list(range(1, len(seqs) + 1))
    (gap,) = [index for index, picture in enumerate(stream.pictures) if index and picture.flags & DISCONTINUITY]
    assert stream.pictures[gap].flags & KEY
    assert not any(frame.is_corrupt for frame in decoded(stream.pictures[gap:]))


async def test_viewers_of_jpeg_and_of_the_original_share_one_connection(
    session: Session, camera: SimulatedCamera, camera_id: str
) -> None:
    queries = [ORIGINAL, ORIGINAL, "?quality=low", "?quality=medium", "?quality=original"]
    streams = [Stream(session, camera_id, query, keep=ALL) for query in queries]
    try:
        for stream in streams:
            await stream.__aenter__()
            await stream.live()
        for stream in streams:
            await until_count(stream, 5)
        assert [max(kinds(stream.pictures)) for stream in streams] == [H264, H264, JPEG, JPEG, JPEG]
        assert camera.connections_total == 1
        assert in_use(session) == len(streams)
    finally:
        for stream in streams:
            await stream.close()


@pytest.mark.timing("a viewer that is two seconds late misses pictures")
async def test_a_late_viewer_is_live_long_before_the_next_key(
    installation: Site, session: Session, simulator: Simulator
) -> None:
    id = installation.add_camera("Yard", add(simulator, gop_seconds=10).url)
    async with Stream(session, id, ORIGINAL) as early:
        await until_count(early, 15)
        async with Stream(session, id, ORIGINAL, keep=ALL) as late:
            await late.until(lambda stream: stream.count > 0 and not stream.pictures[-1].flags & BACKLOG, 5)
            await until_count(late, 10)
    assert [picture.flags for picture in late.pictures[:2]] == [KEY | BACKLOG, BACKLOG]
    flags = [picture.flags & BACKLOG for picture in late.pictures]
    assert flags == sorted(flags, reverse=True)
    assert not any(picture.flags & DISCONTINUITY for picture in late.pictures)
    assert not any(frame.is_corrupt for frame in decoded(late.pictures))


@pytest.mark.timing("a viewer that is two seconds late misses pictures")
async def test_a_late_viewer_of_a_long_group_is_live_long_before_the_next_key_too(
    installation: Site, session: Session, simulator: Simulator
) -> None:
    id = installation.add_camera("Yard", add(simulator, gop_seconds=10).url)
    async with Stream(session, id, ORIGINAL) as early:
        await until_count(early, 4 * FPS)
        async with Stream(session, id, ORIGINAL, keep=ALL) as late:
            await late.until(lambda stream: stream.count > 0 and not stream.pictures[-1].flags & BACKLOG, 4)
            await until_count(late, 10)
    assert not any(picture.flags & DISCONTINUITY for picture in late.pictures)


async def test_a_camera_that_hangs_up_comes_back_as_a_new_epoch_from_a_key_on(
    session: Session, camera: SimulatedCamera, camera_id: str
) -> None:
    async with Stream(session, camera_id, ORIGINAL, keep=ALL) as stream:
        await until_count(stream, 10)
        camera.drop_connections()
        await stream.until(lambda stream: stream.pictures[-1].epoch == 1)
        await until_count(stream, 10)
    again = [picture for picture in stream.pictures if picture.epoch == 1]
    assert again[0].flags & KEY
    assert not any(frame.is_corrupt for frame in decoded(again))


async def test_a_viewer_is_told_when_its_video_turns_into_jpeg(
    session: Session, camera: SimulatedCamera, camera_id: str
) -> None:
    """The viewer needs to know: the window changes, and it needs no decoder any more."""
    async with Stream(session, camera_id, ORIGINAL, keep=ALL) as stream:
        await until_count(stream, 10)
        camera.change_codec("h265")
        await stream.until(lambda stream: stream.pictures[-1].kind == JPEG)
        changed = stream.last("quality_changed")
        assert (changed["format"], changed["codec"], changed["window"]) == ("jpeg", None, 2)


async def test_a_camera_that_turns_from_h264_to_h265_goes_on_as_jpeg_and_back(
    session: Session, camera: SimulatedCamera, camera_id: str
) -> None:
    async with Stream(session, camera_id, ORIGINAL, keep=ALL) as stream:
        await until_count(stream, 10)
        for codec, kind in (("h265", JPEG), ("h264", H264)):
            camera.change_codec(codec)
            await stream.until(lambda stream, kind=kind: stream.pictures[-1].kind == kind)  # type: ignore[misc]
            await until_count(stream, 5)
        assert stream.close_code is None
    assert stream.pictures[-1].kind == H264


def test_the_original_is_among_the_qualities_and_a_still_of_it_has_the_camera_s_size(
    installation: Site, session: Session, simulator: Simulator
) -> None:
    id = installation.add_camera("Yard", add(simulator, width=320, height=240).url)
    assert session.json(f"/api/v1/cameras/{id}/stream/info")["qualities"][-1] == "original"
    status, data = session.get(f"/api/v1/cameras/{id}/stream/snapshot?quality=original")
    assert status == 200
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None and image.shape == (240, 320, 3)

"""A camera's pictures by way of the proxy, FFmpeg and the repair of access units: at once, and never half of one."""

import itertools
import socket
import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from cameras.simulator.coding.nal import split
from cameras.simulator.stream import Codec
from cameras.sources import CameraSource
from streaming.ingest import camera_proxy
from streaming.ingest.reader import Reader
from tests.streaming.ingest.rtp_camera import DELIMITER, MESSAGE, Shape, encoded, packets_of
from tests.streaming.ingest.rtp_fuzz import FAULTS, check, make_round, playing
from tests.streaming.ingest.scripted import ALLOWANCE, server
from tests.streaming.ingest.test_picture_ends import RIGHT, WRONG, wired

AT_ONCE = 6  # pictures that are sent without a wait


def on_request(
    shape: Shape, asked: threading.Semaphore, count: int, free: int = AT_ONCE
) -> Callable[[socket.socket], None]:
    """Sends `free` pictures at once, and each further one when it is asked for."""
    packets = list(packets_of(encoded(shape.codec, shape.slices, count), shape))

    def send(connection: socket.socket) -> None:
        picture = -1
        for packet, data in zip(packets, wired(packets), strict=True):
            if packet.picture != picture and packet.picture >= free:
                asked.acquire()
            picture = packet.picture
            connection.sendall(data)

    return send


@pytest.mark.parametrize("shape", RIGHT, ids=str)
def test_a_picture_is_read_before_the_next_one_begins(shape: Shape) -> None:
    """The camera sends nothing while the reader waits. So a picture that FFmpeg holds back would be a timeout."""
    count, asked, reads, times = 12, threading.Semaphore(0), [], []
    with (
        server(playing(shape.codec, on_request(shape, asked, count))) as camera,
        closing(Reader(CameraSource(f"rtsp://127.0.0.1:{camera.port}/"), ALLOWANCE)) as reader,
    ):
        for number in range(count):
            if number >= AT_ONCE:
                asked.release()
            reads.append(reader.read())
            times.append(reader.presented_at)
    extra = [DELIMITER[shape.codec]] * shape.delimiters + [MESSAGE[shape.codec]] * shape.messages
    pictures = encoded(shape.codec, shape.slices, count)
    assert [list(split(read)) for read in reads] == [[*extra, *picture.sets, *picture.slices] for picture in pictures]
    steps = [round(later - earlier) for earlier, later in itertools.pairwise(times)]
    assert steps[3:] == [40_000] * (count - 4)


def test_the_first_picture_of_a_known_camera_is_read_before_the_second_one_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = threading.Semaphore(0)
    with server(playing(Codec.H264, on_request(Shape(), asked, 2, free=1))) as camera:
        url = f"rtsp://127.0.0.1:{camera.port}/"
        monkeypatch.setattr(camera_proxy, "known_cameras", {url})
        with closing(Reader(CameraSource(url), ALLOWANCE)) as reader:
            assert reader.returns_whole_pictures
            assert len(split(reader.read())) == 4
        asked.release()


@pytest.mark.parametrize(("shape", "known"), [(Shape(), True), (Shape(marker="slice"), False)], ids=str)
def test_a_camera_is_known_once_it_has_shown_its_habits(
    shape: Shape, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Semaphore(0)
    with server(playing(shape.codec, on_request(shape, asked, 60, free=60))) as camera:
        url = f"rtsp://127.0.0.1:{camera.port}/"
        monkeypatch.setattr(camera_proxy, "known_cameras", set() if known else {url})
        with closing(Reader(CameraSource(url), ALLOWANCE)) as reader:
            for _ in range(50):
                reader.read()
        assert (url in camera_proxy.known_cameras) == known


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", range(3))
def test_no_half_picture_is_passed_on(fault: str, seed: int) -> None:
    check(make_round(seed, fault))


def test_a_picture_whose_slice_has_lost_its_beginning_is_not_joined_to_the_next_one() -> None:
    check(make_round(1591703588))


def test_a_camera_that_loses_one_of_its_repeated_parameter_sets_is_trusted_as_before() -> None:
    check(make_round(1034723554))


@pytest.mark.parametrize("seed", [1486908410, 1486908918], ids=["repeated", "swapped"])
def test_a_marked_message_that_is_repeated_or_swapped_does_not_end_its_picture(seed: int) -> None:
    check(make_round(seed))


def test_no_picture_is_passed_on_after_thousands_of_packets_were_lost_with_the_key() -> None:
    """FFmpeg ignores the first packet after so many."""
    check(make_round(1709492674))


@pytest.mark.parametrize("shape", RIGHT[:9] + WRONG, ids=str)
def test_no_half_picture_of_a_camera_of_this_shape_is_passed_on(shape: Shape) -> None:
    if shape in RIGHT:
        check(make_round(1, "lose", shape))
    check(make_round(1, "none", shape))

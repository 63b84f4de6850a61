"""Which stream of a camera serves a quality, and what a worker knows of the streams."""

import pytest

from cameras.sources import CameraSource
from streaming.ingest import streams
from streaming.ingest.streams import FAILED_FOR, KnownStreams, Shape, Streams, substream_id

MAIN, SUB = CameraSource("rtsp://camera/main"), CameraSource("rtsp://camera/sub")
BOTH = Streams("1", MAIN, SUB)


def served_by_sub(known: KnownStreams, *qualities: str) -> list[bool]:
    return [known.target(BOTH, quality).is_sub for quality in qualities]


def seen(sub: tuple[int, int], main: tuple[int, int] | None = None) -> KnownStreams:
    known = KnownStreams()
    known.learn(substream_id("1"), SUB, Shape("h264", *sub))
    if main:
        known.learn("1", MAIN, Shape("h264", *main))
    return known


def test_without_a_substream_its_quality_is_low() -> None:
    target = KnownStreams().target(Streams("1", MAIN), "sub")
    assert (target.source, target.quality, target.name) == (MAIN, "low", "low")


def test_the_quality_sub_is_the_substream_s_own_video_and_original_that_of_the_main_stream() -> None:
    sub, original = (KnownStreams().target(BOTH, quality) for quality in ("sub", "original"))
    assert (sub.source, sub.quality, sub.name) == (SUB, "original", "sub")
    assert (original.source, original.quality, original.name) == (MAIN, "original", "original")
    assert sub.id != original.id


@pytest.mark.parametrize(
    ("sub", "main", "expected"),
    [
        ((640, 360), None, [True, False, False]),
        ((640, 352), (1920, 1080), [True, False, False]),  # rounded to macroblocks
        ((1280, 720), (3840, 2160), [True, True, False]),
        ((480, 270), (1920, 1080), [False, False, False]),  # too small
        ((640, 480), (1920, 1080), [False, False, False]),  # squeezed
        ((640, 480), None, [False, False, False]),
        ((640, 480), (2560, 1920), [True, False, False]),
        ((480, 270), (480, 270), [True, True, True]),  # as large as the main stream
    ],
)
def test_jpeg_is_made_from_a_substream_that_is_large_enough_and_of_the_same_shape(
    sub: tuple[int, int], main: tuple[int, int] | None, expected: list[bool]
) -> None:
    assert served_by_sub(seen(sub, main), "low", "medium", "high") == expected


def test_a_substream_that_was_not_seen_yet_counts_as_640x360() -> None:
    assert served_by_sub(KnownStreams(), "low", "medium", "high") == [True, False, False]


def test_what_was_learned_of_an_earlier_address_does_not_count() -> None:
    known = seen((320, 180))
    assert served_by_sub(known, "low") == [False]
    moved = Streams("1", MAIN, CameraSource("rtsp://camera/other"))
    assert known.target(moved, "low").is_sub
    assert known.facts(moved) == {}


def test_a_substream_that_could_not_be_opened_is_left_out_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(streams.time, "monotonic", lambda: now)
    known = KnownStreams()
    known.fail(substream_id("1"), SUB)
    assert served_by_sub(known, "sub", "low") == [False, False]
    now += FAILED_FOR
    assert served_by_sub(known, "sub", "low") == [True, True]


def test_a_substream_that_is_seen_again_counts_at_once() -> None:
    known = KnownStreams()
    known.fail(substream_id("1"), SUB)
    known.learn(substream_id("1"), SUB, Shape("h264", 640, 360))
    assert served_by_sub(known, "sub") == [True]


def test_the_facts_name_what_is_known() -> None:
    known = seen((640, 360))
    known.measure(substream_id("1"), SUB, 14.96, 401.6)
    assert known.facts(BOTH) == {
        "sub": {"codec": "h264", "width": 640, "height": 360, "frames_per_second": 15.0, "kbps": 402}
    }

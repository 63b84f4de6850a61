"""The shapes of H.264 that cameras send, as OpenCV reads them raw and decoded."""

import base64
from itertools import pairwise
from typing import Any

import av
import cv2
import pytest

from cameras.simulator import SimulatedCamera, Simulator, read_clock

from ..clients import RawRead, RtspSocket, read, read_raw, sprop_sets, watch

pytestmark = pytest.mark.timeout(60)

SLICE, IDR, SEI, SPS, PPS = 1, 5, 6, 7, 8
FPS = 15
FRAME_TICKS = 90_000 // FPS
GOP = 6
"""Pictures per GOP."""


def _add(simulator: Simulator, **settings: Any) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Yard", "yard", 640, 360, FPS, GOP / FPS, **settings))


def _read_raw(camera: SimulatedCamera, count: int = 3 * GOP) -> list[RawRead]:
    with watch(camera.url, raw=True) as capture:
        return read_raw(capture, count)


def _timestamp(packet: bytes) -> int:
    return int.from_bytes(packet[4:8], "big")


def _sequence(packet: bytes) -> int:
    return int.from_bytes(packet[2:4], "big")


@pytest.mark.parametrize(
    "settings",
    [
        {"profile": "main"},
        {"profile": "high"},
        {"b_frames": 2},
        {"slices": 4},
        {"repeat_parameter_sets": "none"},
        {"repeat_parameter_sets": "once"},
        {"repeat_parameter_sets": "none", "codec": "h265"},
        {"intra_refresh": True},
        {"open_gop": True},
    ],
    ids=str,
)
def test_the_clock_is_readable_in_every_valid_shape(simulator: Simulator, settings: dict[str, Any]) -> None:
    with watch(_add(simulator, **settings).url) as capture:
        clocks = [read_clock(read(capture)) for _ in range(GOP + 4)]
    times = [clock for clock in clocks if clock is not None]
    assert len(times) == len(clocks)
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("settings", "profile"),
    [
        ({}, 66),
        ({"profile": "baseline"}, 66),
        ({"profile": "main"}, 77),
        ({"profile": "high"}, 100),
        ({"b_frames": 3}, 100),
        ({"b_frames": 3, "profile": "main"}, 77),
    ],
)
def test_the_description_and_the_parameter_set_name_the_profile(
    simulator: Simulator, settings: dict[str, Any], profile: int
) -> None:
    with RtspSocket(_add(simulator, **settings).url) as client:
        assert client.request("DESCRIBE") == 200
        sps = base64.b64decode(sprop_sets(client.body)[0])
        assert sps[1] == profile
        assert f"profile-level-id={sps[1:4].hex().upper()}" in client.body


def test_b_frames_arrive_in_decoding_order_with_presentation_times(simulator: Simulator) -> None:
    camera = _add(simulator, b_frames=2)
    reads = _read_raw(camera)
    # Timestamps jump back once in any stream, at the first sender report.
    assert sum(later.milliseconds < earlier.milliseconds for earlier, later in pairwise(reads)) >= 4
    with RtspSocket(camera.url) as client:
        client.play()
        stamps = [_timestamp(client.access_unit()[0]) for _ in range(7)]
    times = [(stamp - stamps[0]) % (1 << 32) for stamp in stamps]
    assert all(time % FRAME_TICKS == 0 for time in times)
    assert [sorted(times).index(time) for time in times] == [0, 3, 1, 2, 5, 4, 6]


def test_a_picture_of_several_slices_arrives_in_one_read(simulator: Simulator) -> None:
    reads = _read_raw(_add(simulator, slices=3))
    assert {tuple(packet.types) for packet in reads} == {(SPS, PPS, IDR, IDR, IDR), (SLICE, SLICE, SLICE)}


def test_parameter_sets_before_each_slice_split_a_keyframe_into_two_reads(simulator: Simulator) -> None:
    reads = _read_raw(_add(simulator, slices=2, repeat_parameter_sets="slice"))
    keys = [packet for packet in reads if packet.key]
    assert {tuple(packet.types) for packet in keys} == {(SPS, PPS, IDR)}
    assert {tuple(packet.types) for packet in reads if not packet.key} == {(SLICE, SLICE)}
    halves = [(first, second) for first, second in pairwise(reads) if first.key and second.key]
    assert len(halves) >= 2
    # first_mb_in_slice is 0 where the first bit after the NAL unit header is 1.
    assert all(first.nals[2][1] & 0x80 and not second.nals[2][1] & 0x80 for first, second in halves)
    assert all(second.milliseconds - first.milliseconds < 40 for first, second in halves)
    assert all(second.milliseconds == first.milliseconds for first, second in halves[1:])


def test_parameter_sets_before_each_slice_are_one_picture_on_the_wire(simulator: Simulator) -> None:
    with RtspSocket(_add(simulator, slices=2, repeat_parameter_sets="slice").url) as client:
        client.play()
        packets = client.access_unit()
    assert len({_timestamp(packet) for packet in packets}) == 1
    assert [packet[12] & 0x1F for packet in packets].count(SPS) == 2


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_parameter_sets_can_be_in_the_description_only(simulator: Simulator, codec: str) -> None:
    camera = _add(simulator, codec=codec, repeat_parameter_sets="none")
    with watch(camera.url, raw=True) as capture:
        index = int(capture.get(cv2.CAP_PROP_CODEC_EXTRADATA_INDEX))
        ok, extradata = capture.retrieve(flag=index)
        assert ok and len(extradata.tobytes()) > 10
        reads = read_raw(capture, 2 * GOP)
    types = {kind for packet in reads for kind in (packet.types if codec == "h264" else packet.types_of_h265)}
    assert not types & ({SPS, PPS} if codec == "h264" else {32, 33, 34})
    assert sum(packet.key for packet in reads) >= 2


def test_a_resize_without_parameter_sets_in_band_closes_the_connections(simulator: Simulator) -> None:
    camera = _add(simulator, repeat_parameter_sets="none")
    with RtspSocket(camera.url) as client:
        client.play()
        camera.resize(320, 180)
        assert client.is_closed()
    with watch(camera.url) as capture:
        image = read(capture)
        assert image.shape == (180, 320, 3)
        assert read_clock(image) is not None


def test_parameter_sets_can_be_sent_once_per_play_and_after_a_resize(simulator: Simulator) -> None:
    camera = _add(simulator, repeat_parameter_sets="once")
    with RtspSocket(camera.url) as client:
        client.play()
        assert _sets_among(client, GOP + 2) == 1
        assert client.request("PLAY") == 200
        assert _sets_among(client, GOP + 2) == 1
        camera.resize(320, 180)
        assert _sets_among(client, GOP + 2) == 1
    keys = [packet.types for packet in _read_raw(camera) if packet.key]
    assert keys[0] == [SPS, PPS, IDR]
    assert len(keys) >= 3 and all(types == [IDR] for types in keys[1:])


def _sets_among(client: RtspSocket, pictures: int) -> int:
    kinds = [packet[12] & 0x1F for _ in range(pictures) for packet in client.access_unit()]
    return kinds.count(SPS)


@pytest.mark.parametrize("shape", ["intra_refresh", "open_gop"])
def test_after_the_first_picture_there_are_recovery_points_and_no_idr(simulator: Simulator, shape: str) -> None:
    reads = _read_raw(_add(simulator, **{shape: True}))
    assert reads[0].types == [SPS, PPS, IDR]
    assert not [packet for packet in reads[1:] if IDR in packet.types]
    keys = [packet.types for packet in reads[1:] if packet.key]
    assert len(keys) >= 2
    assert all(types == [SPS, PPS, SEI, SLICE] for types in keys)


def test_the_keyframes_of_an_open_gop_have_leading_pictures(simulator: Simulator) -> None:
    reads = _read_raw(_add(simulator, open_gop=True), 4 * GOP)
    keys = [index for index, packet in enumerate(reads) if packet.key][2:-1]
    assert keys
    for index in keys:
        led = [packet.milliseconds < reads[index].milliseconds for packet in reads[index + 1 : index + 4]]
        assert led == [True, True, False]


@pytest.mark.parametrize("shape", ["intra_refresh", "open_gop"])
def test_a_late_viewer_of_a_stream_without_idr_starts_at_a_recovery_point(simulator: Simulator, shape: str) -> None:
    camera = _add(simulator, **{shape: True})
    with RtspSocket(camera.url) as first:
        first.play()
        first.access_unit()
        reads = _read_raw(camera, 2 * GOP)
    assert reads[0].types == [SPS, PPS, SEI, SLICE]
    assert not [packet for packet in reads if IDR in packet.types]


@pytest.mark.timing("a busy machine makes the simulator skip pictures")
def test_every_nth_picture_except_keyframes_is_truncated(simulator: Simulator) -> None:
    decoder = av.CodecContext.create("h264", "r")
    corrupt = []
    for packet in _read_raw(_add(simulator, truncate_every=3)):
        (frame,) = decoder.decode(av.Packet(packet.data))
        assert isinstance(frame, av.VideoFrame)
        assert not (packet.key and frame.is_corrupt)
        if not packet.key:
            corrupt.append(frame.is_corrupt)
    assert corrupt == [number % 3 == 0 for number in range(1, len(corrupt) + 1)]


def test_every_nth_picture_is_lost_with_its_sequence_numbers(simulator: Simulator) -> None:
    with RtspSocket(_add(simulator, lose_every=4).url) as client:
        client.play()
        units = [client.access_unit() for _ in range(10)]
    pairs = [(earlier[-1], later[0]) for earlier, later in pairwise(units)]
    gaps = [(_sequence(later) - _sequence(earlier)) % 65536 > 1 for earlier, later in pairs]
    # A keyframe and three other pictures, the gap; one picture, a keyframe, two other pictures, the gap.
    assert gaps == [False] * 3 + [True] + [False] * 3 + [True] + [False]
    steps = [(_timestamp(later) - _timestamp(earlier)) % (1 << 32) for earlier, later in pairs]
    assert all(step >= 2 * FRAME_TICKS for step, gap in zip(steps, gaps, strict=True) if gap)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"codec": "vp8"}, "codec is one of 'h264', 'h265', 'mjpeg', not 'vp8'"),
        ({"transport": "udp"}, "transport is one of"),
        ({"profile": "extended"}, "profile is one of"),
        ({"scene": "attic"}, "scene is one of '', 'front-door', 'car-park', 'loading-dock', 'garden', not 'attic'"),
        ({"repeat_parameter_sets": "often"}, "repeat_parameter_sets is one of"),
        ({"transport": "http", "codec": "h265"}, "over HTTP"),
        ({"b_frames": -1}, "b_frames"),
        ({"b_frames": 17}, "b_frames"),
        ({"slices": 0}, "slices"),
        ({"slices": 23}, "22 slices at most"),
        ({"lose_every": -1}, "lose_every"),
        ({"profile": "baseline", "b_frames": 1}, "baseline"),
        ({"profile": "baseline", "open_gop": True}, "baseline"),
        ({"intra_refresh": True, "open_gop": True}, "exclude"),
        ({"repeat_parameter_sets": "slice"}, "slices=2"),
        ({"codec": "h265", "b_frames": 1}, "b_frames is for h264"),
        ({"codec": "h265", "slices": 2}, "slices is for h264"),
        ({"codec": "h265", "repeat_parameter_sets": "slice"}, "for h264"),
        ({"codec": "mjpeg", "intra_refresh": True}, "intra_refresh is for h264"),
        ({"codec": "mjpeg", "profile": "high"}, "profile is for h264"),
        ({"codec": "mjpeg", "repeat_parameter_sets": "none"}, "no parameter sets"),
    ],
    ids=str,
)
def test_shapes_that_exclude_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimulatedCamera("Yard", "yard", 640, 360, **settings)

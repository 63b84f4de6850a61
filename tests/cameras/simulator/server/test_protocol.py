"""The server's protocol on the wire, with correct and incorrect clients."""

import base64
import struct
import time
from itertools import pairwise

import pytest

from cameras.simulator import SimulatedCamera, Simulator
from cameras.simulator.server import sender

from ..clients import RtspSocket, sprop_sets, wait_until

pytestmark = pytest.mark.timeout(60)

SPS, PPS, IDR, FU_A = 7, 8, 5, 28
TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"


@pytest.fixture
def client(camera: SimulatedCamera) -> RtspSocket:
    return RtspSocket(camera.url)


def _kind(packet: bytes) -> int:
    kind = packet[12] & 0x1F
    return packet[13] & 0x1F if kind == FU_A else kind


def _timestamp(packet: bytes) -> int:
    return int.from_bytes(packet[4:8], "big")


def test_options_names_the_methods(client: RtspSocket) -> None:
    with client:
        assert client.request("OPTIONS") == 200
        assert {"DESCRIBE", "SETUP", "PLAY", "TEARDOWN"} <= set(client.header("Public").split(", "))


def test_the_description_has_the_parameter_sets_of_the_stream(client: RtspSocket) -> None:
    with client:
        assert client.request("DESCRIBE") == 200
        described = [base64.b64decode(part) for part in sprop_sets(client.body)]
        client.play()
        sps, pps = client.rtp()[12:], client.rtp()[12:]
        assert [sps, pps] == described


def test_every_play_begins_with_parameter_sets_and_an_idr(client: RtspSocket) -> None:
    with client:
        client.play()
        for _ in range(2):
            kinds = [_kind(packet) for packet in client.access_unit()]
            assert kinds[:3] == [SPS, PPS, IDR]
            assert client.request("PAUSE") == 200
            assert client.is_quiet(0.15)
            assert client.request("PLAY") == 200


def test_a_late_viewer_without_idr_on_play_waits_for_the_next_keyframe(simulator: Simulator) -> None:
    settings = SimulatedCamera("Garden", "garden", 320, 180, gop_seconds=0.4, idr_on_play=False)
    camera = simulator.add(settings)
    with RtspSocket(camera.url) as first, RtspSocket(camera.url) as second:
        first.play()
        first.access_unit()
        second.play()
        assert _kind(second.rtp()) == SPS


def test_packets_are_small_and_in_order(client: RtspSocket) -> None:
    with client:
        client.play()
        packets = [packet for _ in range(30) for packet in client.access_unit()]
    sequence = [int.from_bytes(packet[2:4], "big") for packet in packets]
    assert sequence == [(sequence[0] + step) % 65536 for step in range(len(packets))]
    assert max(map(len, packets)) <= 1412
    assert len({packet[8:12] for packet in packets}) == 1


def test_timestamps_advance_by_whole_frames(client: RtspSocket) -> None:
    with client:
        client.play()
        stamps = [_timestamp(client.access_unit()[0]) for _ in range(20)]
    steps = [(later - earlier) % (1 << 32) for earlier, later in pairwise(stamps)]
    assert all(step > 0 and step % 3600 == 0 for step in steps)


def test_a_resize_sends_new_parameter_sets_and_an_idr_in_the_same_session(
    camera: SimulatedCamera, client: RtspSocket
) -> None:
    with client:
        client.play()
        before = client.access_unit()
        camera.resize(640, 360)
        after = client.access_unit()
        while _kind(after[0]) != SPS:
            after = client.access_unit()
        assert after[0][12:] != before[0][12:]
        assert [_kind(packet) for packet in after[:3]] == [SPS, PPS, IDR]
        assert 0 < (_timestamp(after[0]) - _timestamp(before[0])) % (1 << 32) < 2 * 90_000
        assert client.request("DESCRIBE") == 200
        assert base64.b64decode(sprop_sets(client.body)[0]) == after[0][12:]


def test_the_answer_to_play_has_the_first_sequence_number(client: RtspSocket) -> None:
    with client:
        client.play()
        fields = dict(part.split("=", 1) for part in client.header("RTP-Info").split(";"))
        first = client.rtp()
        assert int(fields["seq"]) == int.from_bytes(first[2:4], "big")
        assert abs(_timestamp(first) - int(fields["rtptime"])) < 90_000


def test_sender_reports_map_timestamps_to_the_time_of_day(
    camera: SimulatedCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "REPORT_SECONDS", 0.1)
    with RtspSocket(camera.url) as client:
        client.play()
        channel, packet = client.packet()
        while channel == 0:
            media = packet
            channel, packet = client.packet()
    _, kind, _, ssrc, seconds, _, timestamp, *_ = struct.unpack("!BBHIIIIII", packet)
    assert (channel, kind) == (1, 200)
    assert ssrc == int.from_bytes(media[8:12], "big")
    assert timestamp == _timestamp(media)
    assert seconds - 2_208_988_800 == pytest.approx(time.time(), abs=2)


def test_udp_is_refused(client: RtspSocket) -> None:
    with client:
        assert client.request("SETUP", Transport="RTP/AVP;unicast;client_port=5000-5001") == 461
        assert client.request("SETUP", Transport=f"RTP/AVP;unicast;client_port=5000-5001,{TCP}") == 200


def test_an_unknown_path_is_not_found(client: RtspSocket) -> None:
    with client:
        assert client.request("DESCRIBE", client.url.replace("front-door", "nowhere")) == 404


def test_a_connection_belongs_to_its_first_camera(simulator: Simulator, client: RtspSocket) -> None:
    other = simulator.add(SimulatedCamera("Garden", "garden", 320, 180))
    with client:
        assert client.request("DESCRIBE") == 200
        assert client.request("DESCRIBE", other.url) == 404


def test_methods_in_the_wrong_order_are_refused(client: RtspSocket) -> None:
    with client:
        assert client.request("PLAY") == 455
        assert client.request("TEARDOWN") == 455
        assert client.request("SETUP", Transport=TCP) == 200
        assert client.request("SETUP", Transport=TCP) == 455
        assert client.request("PLAY", Session="another") == 454
        assert client.request("RECORD") == 501


def test_requests_and_receiver_reports_are_accepted_while_playing(client: RtspSocket) -> None:
    with client:
        client.play()
        client.rtp()
        client.send(b"$\x01\x00\x08" + b"\x80\xc9\x00\x01abcd")
        assert client.request("GET_PARAMETER") == 200
        assert client.request("SET_PARAMETER") == 200
        client.rtp()


def test_a_request_in_pieces_is_accepted(client: RtspSocket) -> None:
    with client:
        for piece in (b"OPTIONS ", client.url.encode(), b" RTSP/1.0\r\nCSeq: 0\r", b"\n\r\n"):
            client.send(piece)
        assert client.reply() == 200


def test_teardown_ends_the_session(camera: SimulatedCamera, client: RtspSocket) -> None:
    with client:
        client.play()
        client.rtp()
        assert camera.connections == 1
        assert client.request("TEARDOWN") == 200
        assert camera.connections == 0
        assert client.is_quiet(0.15)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0" * 20_000,
        b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n",
        b"DESCRIBE rtsp://[x RTSP/1.0\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_a_malformed_request_ends_only_its_connection(
    camera: SimulatedCamera, nonsense: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with RtspSocket(camera.url) as wrong, RtspSocket(camera.url) as right:
        wrong.send(nonsense)
        assert wrong.is_closed()
        assert right.request("DESCRIBE") == 200
    assert not caplog.records


def test_a_client_that_does_not_read_is_disconnected(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "STALL_SECONDS", 0.3)
    camera = simulator.add(SimulatedCamera("Wide", "wide", 1280, 720, bit_rate=50_000_000, gop_seconds=0.04))
    with RtspSocket(camera.url) as client:
        client.shrink_buffer()
        client.play()
        assert camera.connections == 1
        wait_until(lambda: camera.connections == 0)

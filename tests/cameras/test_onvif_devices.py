"""Asking an ONVIF device for its streams: one that is all right, and many that lie."""

import asyncio
import gzip
from collections.abc import Iterator

import pytest

from cameras import onvif_devices
from cameras.onvif_devices import Channel, DeviceError, channels
from tests.onvif import (
    ENVELOPE,
    FAULT,
    NOT_AUTHORIZED,
    PASSWORD,
    PROFILES,
    SERVICES,
    STREAM,
    USER,
    Device,
    device,
    profile,
)

MAIN, SUB = "rtsp://127.0.0.2:554/main", "rtsp://127.0.0.2:554/sub"
BOMB = '<!DOCTYPE b [<!ENTITY a "xx"><!ENTITY b "&a;&a;">]>'
FILE = '<!DOCTYPE b [<!ENTITY b SYSTEM "file:///etc/hostname">]>'


@pytest.fixture
def camera() -> Iterator[Device]:
    with device() as created:
        yield created


def ask(camera: Device, username: str = USER, password: str = PASSWORD, seconds: float = 10) -> list[Channel]:
    return asyncio.run(channels(camera.url, username, password, seconds))


def problem(camera: Device, username: str = USER, password: str = PASSWORD, seconds: float = 10) -> str:
    with pytest.raises(DeviceError) as caught:
        ask(camera, username, password, seconds)
    return str(caught.value)


def test_the_largest_profile_is_the_stream_and_the_smallest_the_substream(camera: Device) -> None:
    assert ask(camera) == [Channel(MAIN, SUB)]


def test_an_old_device_has_capabilities_only(camera: Device) -> None:
    camera.answers["GetServices"] = FAULT.format("ActionNotSupported")
    assert ask(camera) == [Channel(MAIN, SUB)]
    assert "GetCapabilities" in camera.requests


def test_each_video_source_of_a_recorder_is_a_channel(camera: Device) -> None:
    profiles = (profile("a", 1280, 720, "one"), profile("b", 1280, 720, "two"), profile("c", 640, 360, "two"))
    camera.answers["GetProfiles"] = PROFILES.format("".join(profiles))
    assert [(channel.stream_url[-1], channel.substream_url[-1:]) for channel in ask(camera)] == [("a", ""), ("b", "c")]


def test_a_login_inside_an_address_is_removed(camera: Device) -> None:
    camera.answers["GetStreamUri"] = STREAM.format("rtsp://root:pass@127.0.0.2/live")
    assert ask(camera) == [Channel("rtsp://127.0.0.2/live")]


@pytest.mark.parametrize(
    ("login", "sentence"),
    [
        ((USER, "wrong"), onvif_devices.WRONG_LOGIN),
        (("other", PASSWORD), onvif_devices.WRONG_LOGIN),
        (("", ""), onvif_devices.NO_LOGIN),
    ],
)
def test_a_wrong_login(camera: Device, login: tuple[str, str], sentence: str) -> None:
    assert problem(camera, *login) == sentence


def test_a_device_that_wants_http_authentication(camera: Device) -> None:
    camera.replies["GetProfiles"] = b"HTTP/1.0 401 Unauthorized\r\n\r\n"
    assert problem(camera) == onvif_devices.WRONG_LOGIN


def test_a_device_that_wants_http_authentication_is_asked_without_a_login(camera: Device) -> None:
    camera.replies["GetServices"] = b"HTTP/1.0 401 Unauthorized\r\n\r\n"
    assert problem(camera, "", "") == onvif_devices.NO_LOGIN


@pytest.mark.parametrize("answer", ["services", "capabilities"])
@pytest.mark.parametrize(
    "other", ["http://127.0.0.1:{}/", "https://127.0.0.2:{own}/", "http://127.0.0.2:{}/", "file:///etc"]
)
def test_no_request_goes_where_the_device_says(camera: Device, answer: str, other: str) -> None:
    with device("127.0.0.1") as victim:
        url = other.format(victim.port, own=camera.port)
        camera.answers["GetServices"] = (
            SERVICES.format(url) if answer == "services" else FAULT.format("ActionNotSupported")
        )
        camera.answers["GetCapabilities"] = str(camera.answers["GetCapabilities"]).replace(camera.media, url)
        assert problem(camera) == onvif_devices.OTHER_SERVICE
        assert victim.requests == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("operation", ["GetSystemDateAndTime", "GetServices", "GetProfiles"])
def test_no_redirect_is_followed(camera: Device, status: int, operation: str) -> None:
    with device("127.0.0.1") as victim:
        camera.replies[operation] = f"HTTP/1.0 {status} Moved\r\nLocation: {victim.url}\r\n\r\n".encode()
        assert problem(camera) == onvif_devices.REDIRECT
        assert victim.requests == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("rtsp://169.254.169.254/main", onvif_devices.OTHER_STREAM),
        ("rtsp://127.0.0.1:6379/", onvif_devices.OTHER_STREAM),
        ("rtsp://127.0.0.2@127.0.0.1/", onvif_devices.OTHER_STREAM),
        ("rtsp://127.0.0.2.example/", onvif_devices.OTHER_STREAM),
        ("file:///etc/passwd", onvif_devices.NO_STREAM),
        ("exec:ls", onvif_devices.NO_STREAM),
        ("rtsp://127.0.0.2/a b", onvif_devices.NO_STREAM),
        ("", onvif_devices.NO_STREAM),
        ("rtsp://127.0.0.2/" + "x" * 200_000, onvif_devices.NO_STREAM),
    ],
)
def test_a_stream_that_is_not_on_the_device_is_left_out(camera: Device, url: str, sentence: str) -> None:
    camera.answers["GetStreamUri"] = STREAM.format(url)
    assert ask(camera) == [Channel(problem=sentence)]


def test_a_substream_that_is_not_on_the_device_is_left_out_alone(camera: Device) -> None:
    camera.answers["GetStreamUri"] = lambda request: STREAM.format(
        MAIN if ">main<" in request else "file:///etc/passwd"
    )
    assert ask(camera) == [Channel(MAIN, note=onvif_devices.NO_SUBSTREAM)]


GOOD = ENVELOPE.format(PROFILES.format(profile("main", 1280, 720)))
LIES = {
    "nothing": b"",
    "text": b"hello",
    "HTML": b"<html><body>Log in</body></html>",
    "no HTTP": b"HTTP/9\r\n\r\n",
    "half": GOOD[:700].encode(),
    "entities": GOOD.replace("?>", f"?>{BOMB}", 1).replace("1280", "&b;").encode(),
    "a file": GOOD.replace("?>", f"?>{FILE}", 1).replace("1280", "&b;").encode(),
    "text for a number": GOOD.replace("1280", "wide").encode(),
    "a huge number": GOOD.replace("1280", "9" * 100_000).encode(),
    "deep": ENVELOPE.format(PROFILES.format("<a>" * 40_000)).encode(),
    "compressed": b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(GOOD.encode()),
    "multipart": b"HTTP/1.0 200 OK\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x\r\n\r\n" + GOOD.encode(),
}


@pytest.mark.parametrize("operation", ["GetServices", "GetProfiles", "GetStreamUri"])
@pytest.mark.parametrize("lie", LIES)
def test_whatever_a_device_answers_is_a_sentence(camera: Device, operation: str, lie: str) -> None:
    camera.replies[operation] = LIES[lie]
    assert problem(camera) in (onvif_devices.NOT_ONVIF, onvif_devices.NO_CONNECTION, onvif_devices.NO_PROFILES)


def test_a_device_that_answers_another_request(camera: Device) -> None:
    camera.answers["GetProfiles"] = "<tds:RebootResponse/>"
    assert problem(camera) == onvif_devices.NO_PROFILES


def test_a_device_without_video(camera: Device) -> None:
    camera.answers["GetProfiles"] = PROFILES.format("")
    assert problem(camera) == onvif_devices.NO_PROFILES


def test_a_device_that_refuses(camera: Device) -> None:
    camera.answers["GetProfiles"] = FAULT.format("Receiver")
    assert problem(camera) == onvif_devices.REFUSED


@pytest.mark.parametrize("header", [b"", b"Content-Length: 100000000\r\n"])
def test_an_answer_is_read_up_to_a_size(camera: Device, header: bytes) -> None:
    camera.replies["GetProfiles"] = b"HTTP/1.0 200 OK\r\n" + header + b"\r\n" + b" " * (onvif_devices.MAX_BYTES + 1)
    assert problem(camera) == onvif_devices.TOO_LONG


def test_a_device_that_never_answers(camera: Device) -> None:
    camera.silent = True
    assert problem(camera, seconds=0.3) == onvif_devices.NO_ANSWER


def test_nothing_listens() -> None:
    with device() as gone:
        pass
    assert problem(gone) == onvif_devices.NO_CONNECTION


def test_the_password_is_never_sent(camera: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    answer = camera.answer

    def noted(request: str) -> bytes:
        sent.append(request)
        return answer(request)

    monkeypatch.setattr(camera, "answer", noted)
    ask(camera)
    assert sent
    assert not [request for request in sent if PASSWORD in request]


def test_a_login_is_wrong_for_one_request(camera: Device) -> None:
    camera.answers["GetStreamUri"] = NOT_AUTHORIZED
    assert problem(camera) == onvif_devices.WRONG_LOGIN

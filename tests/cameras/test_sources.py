"""A camera's address: which addresses are accepted, and which parts are never printed."""

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from cameras.models import Camera
from cameras.sources import AddressError, CameraSource, check_address, split_credentials

USER, PASSWORD, TOKEN = "operator", "p@ss:/?#%", "t0ken"


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://192.0.2.10/stream",
        "rtsps://camera.example:322/stream",
        "http://camera.example/video.mjpg",
        "https://camera.example/live?channel=1&subtype=0",
        "RTSP://[2001:db8::1]:554/stream",
    ],
)
def test_a_camera_address_is_accepted(url: str) -> None:
    check_address(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must begin with one of rtsp://, rtsps://, http://, https://"),
        ("/etc/passwd", "must begin with"),
        ("clip.mp4", "must begin with"),
        ("0", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("concat:rtsp://camera/a|/etc/passwd", "must begin with"),
        ("subfile,,start,0,end,9,,:/etc/passwd", "must begin with"),
        ("async:rtsp://camera/stream", "must begin with"),
        ("cache:http://camera/stream", "must begin with"),
        ("pipe:0", "must begin with"),
        ("data:video/mp4;base64,AAAA", "must begin with"),
        ("javascript:alert(1)", "must begin with"),
        ("rtsp://[2001:db8::1]x/", "invalid host or port"),
        ("rtsp://[2001:db8::1]554/", "invalid host or port"),
        ("javascript://camera/%0aalert(1)", "must begin with"),
        ("rtsp:/camera", "must begin with"),
        ("rtsp:camera", "must begin with"),
        ("rtmp://camera/stream", "must begin with"),
        ("rtsp://operator:secret@camera/stream", "in their own fields"),
        ("rtsp://operator@camera/stream", "in their own fields"),
        ("rtsp://camera/a b", "spaces or control characters"),
        (" rtsp://camera/stream", "spaces or control characters"),
        ("rtsp://camera/stream\n", "spaces or control characters"),
        ("rtsp://cam\tera/stream", "spaces or control characters"),
        ("rtsp://camera/\x00", "spaces or control characters"),
        ("rtsp:///stream", "no host name"),
        ("rtsp://:554/stream", "no host name"),
        ("rtsp://camera:70000/stream", "invalid host or port"),
        ("rtsp://camera:rtsp/stream", "invalid host or port"),
        ("rtsp://[::1/stream", "invalid host or port"),
    ],
)
def test_any_other_text_is_refused_with_a_reason_that_does_not_repeat_it(url: str, why: str) -> None:
    with pytest.raises(AddressError, match=why) as refusal:
        check_address(url)
    assert "secret" not in str(refusal.value)


def test_credentials_with_special_characters_can_be_parsed_from_the_address() -> None:
    parts = urlsplit(CameraSource("rtsp://camera:554/live?channel=1", USER, PASSWORD).url_with_credentials())
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("camera", 554, "/live", "channel=1")
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (USER, PASSWORD)


def test_an_address_without_credentials_is_opened_as_it_was_typed() -> None:
    url = "rtsp://camera:554/live?channel=1"
    assert CameraSource(url).url_with_credentials() == url


def test_an_unchecked_address_is_refused_when_it_is_opened() -> None:
    with pytest.raises(AddressError):
        CameraSource("file:///etc/passwd", USER, PASSWORD).url_with_credentials()


def test_a_source_and_a_camera_print_neither_credentials_nor_query() -> None:
    camera = Camera(name="Yard", stream_url=f"rtsp://camera/live?token={TOKEN}", username=USER, password=PASSWORD)
    source = camera.source
    printed = [repr(source), str(source), f"{source}", f"{source!r:>80}", "%s" % source, repr([source])]  # noqa: UP031
    printed += [repr(camera), str(camera), f"{camera}"]
    for text in printed:
        assert not any(secret in text for secret in (USER, PASSWORD, TOKEN))
    assert "rtsp://camera/live" in str(source)


def test_credentials_in_an_unchecked_address_are_not_printed() -> None:
    """A script may write rows without the form. The capture logs a source that it refuses."""
    source = CameraSource(f"rtsp://{USER}:secret@camera/live")
    assert USER not in f"{source} {source!r}"
    assert "secret" not in f"{source} {source!r}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("rtsp://camera/a", "RTSP://CAMERA/b?c=1", True),
        ("rtsp://camera/a", "rtsp://other/a", False),
        ("rtsp://camera:554/a", "rtsp://camera:555/a", False),
        ("rtsps://camera/a", "rtsp://camera/a", False),
    ],
)
def test_two_addresses_have_one_endpoint_only_with_the_same_scheme_host_and_port(
    one: str, other: str, same: bool
) -> None:
    assert (CameraSource(one).endpoint == CameraSource(other).endpoint) is same


PASTED = json.loads((Path(__file__).parent / "pasted_addresses.json").read_text())  # tests/js reads it too


@pytest.mark.parametrize(("address", "url", "username", "password"), PASTED)
def test_an_address_is_split_into_its_parts(address: str, url: str, username: str, password: str) -> None:
    assert split_credentials(address) == (url, username, password)


@pytest.mark.parametrize("text", ["rtsp://" + "a:" * 240, "rtsp://a:b" + "@/" * 240, "rtsp://a:b" + "#@h:" * 120])
@pytest.mark.timing("measures a parser's time")
@pytest.mark.timeout(2)
def test_splitting_takes_no_time(text: str) -> None:
    split_credentials(text)

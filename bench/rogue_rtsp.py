"""The RTSP of a rogue (misbehaving) camera: correct, except for the answer or pictures that its mode changes."""

import base64
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat

from bench import rogue_video as video
from bench.rogue_connection import RogueConnection

OK = "RTSP/1.0 200 OK"
ANY = "0.0.0.0"  # noqa: S104 - as cameras write it
SESSION = "Session: 1;timeout=60"
FLOOD = frozenset({"endless-unit", "endless-picture", "huge-pictures"})  # sent as fast as the reader takes it

Answer = Iterator[bytes]


@dataclass
class Asked:
    """An RTSP request to the rogue camera. `mode`: the way to misbehave, from the path. `elsewhere`: the address of a
    canary, a server that must get no request; answers name it.
    """

    mode: str
    method: str
    sequence: str
    base: str  # this camera's address
    elsewhere: str  # host and port of the canary

    def response(self, *headers: str, status: str = OK, body: bytes = b"") -> bytes:
        lines = (status, f"CSeq: {self.sequence}", *headers, f"Content-Length: {len(body)}")
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode() + body


def converse(connection: RogueConnection, first: bytes, elsewhere: str) -> None:
    """Answer the request `first` and those after it. Returns when the other side ends the connection between two
    requests. Raises OSError if it hangs up during an answer or after PLAY, or if the mode is to reset the connection.

    `elsewhere`: host and port of a canary, a server that must get no request. Answers that lead to another address name
    it.
    """
    request = first
    while request:
        asked = _asked(request.decode("latin-1"), elsewhere)
        hook = MODES.get(asked.mode, {}).get(asked.method)
        if hook:
            connection.send_all(hook(asked))
        else:
            connection.send(answer(asked))
        if asked.method == "PLAY":
            _play(connection, asked.mode)
        request = connection.request()


def _asked(request: str, elsewhere: str) -> Asked:
    method, address = ([*request.split(" ", 2), ""])[:2]
    mode = (re.findall(r"://[^/]*/([\w-]+)", address) or [""])[0]
    sequence = (re.findall(r"(?im)^cseq: *(\d+)", request) or ["1"])[0]
    return Asked(mode, method, sequence, address.partition("/track")[0].rstrip("/"), elsewhere)


def answer(asked: Asked) -> bytes:
    """Returns the correct response, for requests whose response the mode does not change."""
    match asked.method:
        case "OPTIONS":
            return asked.response("Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN")
        case "DESCRIBE":
            return described(asked, sdp())
        case "SETUP":
            return asked.response("Transport: RTP/AVP/TCP;unicast;interleaved=0-1", SESSION)
    return asked.response(SESSION)


def described(asked: Asked, body: bytes, base: str = "") -> bytes:
    return asked.response("Content-Type: application/sdp", f"Content-Base: {base or asked.base}/", body=body)


def sdp(media: str = "", control: str = "track1", host: str = ANY, sets: tuple[bytes, ...] = ()) -> bytes:
    """Returns a session description of H.264. `media`: replaces its rtpmap and fmtp lines; `host`: in o= and c=;
    `sets`: its parameter sets, by default the right ones.
    """
    sprop = ",".join(base64.b64encode(nal).decode() for nal in sets or video.sets())
    usual = f"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}"
    head = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\na=control:*\r\n"
    return f"{head}m=video 0 RTP/AVP 96\r\n{media or usual}\r\na=control:{control}\r\n".encode()


def _play(connection: RogueConnection, mode: str) -> None:
    """Send pictures as the mode says, at their frame rate or as a flood. Then stay silent until the other side hangs
    up. Raises OSError then.
    """
    sending = PLAYS.get(mode, video.pictures)()
    if mode in FLOOD:
        connection.send_all(sending)
    else:
        for data in sending:
            connection.send(data)
            if mode == "reset" and connection.sent > 100_000:
                connection.reset()
            time.sleep(1 / video.RATE)
    connection.wait_for_the_end()


# The answers that modes change.


def silence(asked: Asked) -> Answer:
    return repeat(b"")


def drip(asked: Asked) -> Answer:
    for byte in answer(asked) + b"\0" * 100_000:
        yield bytes((byte,))
        time.sleep(1)


def endless_headers(asked: Asked) -> Answer:
    return chain([f"{OK}\r\nCSeq: {asked.sequence}\r\n".encode()], repeat(b"X-Header: " + b"y" * 50_000 + b"\r\n"))


def endless_line(asked: Asked) -> Answer:
    return chain([OK.encode()], repeat(b"y" * 50_000))


def endless_body(asked: Asked) -> Answer:
    head = f"{OK}\r\nCSeq: {asked.sequence}\r\nContent-Type: application/sdp\r\nContent-Length: 2000000000\r\n\r\n"
    return chain([head.encode()], repeat(b"a=nothing\r\n" * 5_000))


def endless_answers(asked: Asked) -> Answer:
    return repeat(asked.response("X: y", status="RTSP/1.0 100 Continue") * 500)


def long_sdp(asked: Asked) -> Answer:
    yield described(asked, sdp() + b"a=x-filler:" + b"y" * 980 + b"\r\n" + b"a=y\r\n" * 8_000_000)


def many_tracks(asked: Asked) -> Answer:
    track = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track{}\r\n"
    yield described(asked, sdp() + "".join(track.format(number) for number in range(20_000)).encode())


def wrong_codec(asked: Asked) -> Answer:
    yield described(asked, sdp("a=rtpmap:96 H265/90000\r\na=fmtp:96 sprop-sps=AAAA;sprop-pps=////"))


def unknown_codec(asked: Asked) -> Answer:
    yield described(asked, sdp("a=rtpmap:96 X-MP4V-ES/0\r\na=fmtp:96 config=" + "F" * 5_000))


def huge_dimensions(asked: Asked) -> Answer:
    yield described(asked, sdp(sets=(video.huge_sps(), *video.sets()[1:])))


def other_base(asked: Asked) -> Answer:
    yield described(asked, sdp(host="127.0.0.2"), f"rtsp://{asked.elsewhere}/{asked.mode}")


def other_control(asked: Asked) -> Answer:
    yield described(asked, sdp(control=f"rtsp://{asked.elsewhere}/{asked.mode}/track1", host="127.0.0.2"))


def other_transport(asked: Asked) -> Answer:
    host, _, port = asked.elsewhere.partition(":")
    udp = f"Transport: RTP/AVP;unicast;source={host};server_port={port}-{port};client_port=5000-5001"
    yield asked.response(udp, SESSION)


def redirect(status: str) -> Callable[[Asked], Answer]:
    def answered(asked: Asked) -> Answer:
        yield asked.response(f"Location: rtsp://{asked.elsewhere}/{asked.mode}", status=f"RTSP/1.0 {status}")

    return answered


def redirect_itself(asked: Asked) -> Answer:
    yield asked.response(f"Location: {asked.base}", status="RTSP/1.0 302 Found")


def garbage(asked: Asked) -> Answer:
    return video.garbage()


def nothing() -> Answer:
    return iter(())


Hook = Callable[[Asked], Answer]
MODES: dict[str, dict[str, Hook]] = {
    "silent-options": {"OPTIONS": silence},
    "silent-describe": {"DESCRIBE": silence},
    "silent-setup": {"SETUP": silence},
    "silent-play": {},
    "drip": {"OPTIONS": drip},
    "drip-describe": {"DESCRIBE": drip},
    "endless-headers": {"OPTIONS": endless_headers},
    "endless-headers-describe": {"DESCRIBE": endless_headers},
    "endless-line": {"OPTIONS": endless_line},
    "endless-body": {"DESCRIBE": endless_body},
    "endless-answers": {"OPTIONS": endless_answers},
    "sdp-40mb": {"DESCRIBE": long_sdp},
    "sdp-many-tracks": {"DESCRIBE": many_tracks},
    "sdp-wrong-codec": {"DESCRIBE": wrong_codec},
    "sdp-unknown-codec": {"DESCRIBE": unknown_codec},
    "sdp-huge-dimensions": {"DESCRIBE": huge_dimensions},
    "other-base": {"DESCRIBE": other_base},
    "other-control": {"DESCRIBE": other_control},
    "other-transport": {"SETUP": other_transport},
    "redirect-options": {"OPTIONS": redirect("302 Found")},
    "redirect-describe": {"DESCRIBE": redirect("301 Moved Permanently")},
    "redirect-describe-302": {"DESCRIBE": redirect("302 Found")},
    "redirect-setup": {"SETUP": redirect("302 Found")},
    "redirect-play": {"PLAY": redirect("302 Found")},
    "redirect-itself": {"DESCRIBE": redirect_itself},
    "garbage": {"OPTIONS": garbage},
    "garbage-play": {},
    "reset": {},
    "wrong-lengths": {},
    "bit-flips": {},
    "truncated": {},
    "resize": {},
    "huge-dimensions": {},
    "endless-unit": {},
    "endless-picture": {},
    "huge-pictures": {},
}
PLAYS: dict[str, Callable[[], Answer]] = {
    "silent-play": nothing,
    "garbage-play": video.garbage,
    "wrong-lengths": video.wrong_lengths,
    "bit-flips": lambda: video.pictures(damage=video.flipped),
    "truncated": lambda: video.pictures(damage=video.truncated),
    "resize": lambda: video.pictures(*video.SIZES),
    "sdp-huge-dimensions": lambda: video.pictures(damage=video.huge_sets),
    "huge-dimensions": lambda: video.pictures(damage=video.huge_sets),
    "endless-unit": video.endless_unit,
    "endless-picture": video.endless_picture,
    "huge-pictures": video.huge_pictures,
}

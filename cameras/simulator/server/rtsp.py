"""Answers of a simulated camera to RTSP requests (RFC 2326)."""

import re
import secrets
import time

from .messages import Request, Response
from .pace import to_ticks
from .playback import Playback
from .rtp import RtpStream
from .sdp import TRACK

METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN")
SESSION_TIMEOUT = 60
"""Seconds. It is announced and not enforced."""


class RtspDialogue:
    """Answers the RTSP requests of one connection.

    `playback` (of `answer`) is that of the first RTSP camera that a request named; None until then.
    """

    def __init__(self) -> None:
        self._session = secrets.token_hex(8)
        self._rtp: RtpStream | None = None

    def answer(self, request: Request, playback: Playback | None) -> bytes:
        return self._answer(request, playback).encode(request.headers.get("cseq", "0"))

    def _answer(self, request: Request, playback: Playback | None) -> Response:
        if request.method not in METHODS:
            return Response(501)
        if request.method == "OPTIONS":
            return Response(headers=(("Public", ", ".join(METHODS)),))
        if playback is None or request.path != playback.broadcast.camera.path:
            return Response(404)
        if not playback.allows(request.method, request.headers.get("authorization", "")):
            return Response(401, playback.broadcast.authentication.challenges)
        return self._answer_method(request, playback)

    def _answer_method(self, request: Request, playback: Playback) -> Response:
        match request.method:
            case "DESCRIBE":
                return self._describe(playback)
            case "SETUP":
                return self._set_up(request, playback)
            case "GET_PARAMETER" | "SET_PARAMETER":
                return Response(headers=self._session_header)
        if self._rtp is None:
            return Response(455)
        if not request.headers.get("session", "").startswith(self._session):
            return Response(454)
        match request.method:
            case "PLAY":
                return self._play(playback, self._rtp)
            case "PAUSE":
                playback.pause()
                return Response(headers=self._session_header)
        return self._tear_down(playback)

    def _describe(self, playback: Playback) -> Response:
        playback.count()
        headers = (("Content-Type", "application/sdp"), ("Content-Base", f"{playback.broadcast.url}/"))
        return Response(200, headers, playback.broadcast.description)

    def _set_up(self, request: Request, playback: Playback) -> Response:
        if self._rtp:
            return Response(455)
        channel = _interleaved_channel(request.headers.get("transport", ""))
        if channel is None:
            return Response(461)
        self._rtp = RtpStream(channel, playback.broadcast.repetition)
        playback.set_up(self._rtp)
        transport = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1};ssrc={self._rtp.ssrc:08X}"
        return Response(headers=(("Transport", transport), *self._session_header))

    def _play(self, playback: Playback, rtp: RtpStream) -> Response:
        playback.play()
        started = rtp.timestamp(to_ticks(time.monotonic()))
        info = f"url={playback.broadcast.url}/{TRACK};seq={rtp.sequence};rtptime={started}"
        return Response(headers=(*self._session_header, ("Range", "npt=now-"), ("RTP-Info", info)))

    def _tear_down(self, playback: Playback) -> Response:
        playback.stop()
        self._rtp = None
        return Response(headers=self._session_header)

    @property
    def _session_header(self) -> tuple[tuple[str, str], ...]:
        return (("Session", f"{self._session};timeout={SESSION_TIMEOUT}"),) if self._rtp else ()


def _interleaved_channel(transport: str) -> int | None:
    """Returns the channel for RTP that a Transport header asks for, or 0 if it names none.

    Returns None if the header offers no RTP over TCP, or a channel above 254, because RTCP needs the next channel.
    """
    for offer in transport.split(","):
        if "RTP/AVP/TCP" in offer:
            channels = re.search(r"interleaved=(\d{1,3})", offer)
            channel = int(channels[1]) if channels else 0
            return channel if channel < 255 else None
    return None

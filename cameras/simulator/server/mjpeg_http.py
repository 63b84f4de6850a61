"""Answers of a camera to HTTP: an endless response of pictures."""

from .messages import Request, Response
from .multipart import CONTENT_TYPE, MultipartStream
from .playback import Playback


class HttpDialogue:
    """Answers the one request of a connection. The playback is None if no camera has the path."""

    def answer(self, request: Request, playback: Playback | None) -> bytes:
        """Empty while pictures are sent, because the connection has no room for another answer."""
        if playback and playback.is_set_up:
            return b""
        return self._answer(request, playback).encode_http()

    def _answer(self, request: Request, playback: Playback | None) -> Response:
        if request.method != "GET":
            return Response(501)
        if playback is None:
            return Response(404)
        if not playback.allows(request.method, request.headers.get("authorization", "")):
            return Response(401, playback.broadcast.authentication.challenges)
        playback.count()
        playback.set_up(MultipartStream())
        playback.play()
        return Response(headers=(("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-store")))

"""Answers of a simulated camera to HTTP requests: an endless response of JPEG pictures, or an error."""

from .messages import Request, Response
from .multipart import CONTENT_TYPE, MultipartStream
from .playback import Playback


class HttpDialogue:
    """Answers the only HTTP request of a connection. After an error response, the caller closes the connection."""

    def answer(self, request: Request, playback: Playback | None) -> bytes:
        """Start to play if the request is accepted. Returns the head of the endless response, or an error response.

        The error's status is 501 for another method than GET, 404 without a camera, and 401 without valid credentials.
        `playback` sends the camera's pictures on this connection; None if no HTTP camera has the path. Returns no bytes
        once pictures are sent, because the endless response leaves no room for another answer.
        """
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

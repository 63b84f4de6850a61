"""*Test connection*: open a camera once, and say what it sends or why it does not.

Opens it as the live view does. Only when that fails PyAV asks again, because it names FFmpeg's reason and OpenCV does not.
"""

import asyncio
import base64
import contextlib
import time
from collections.abc import Mapping
from typing import Any

import av
import av.error
from django.core.exceptions import ValidationError

from cameras.forms import CameraForm
from cameras.models import Camera
from cameras.sources import CameraSource
from streaming import conf
from streaming.capture import CaptureError, Reader, Timeouts
from streaming.pictures import Decoder, DecodingError, encode

REASONS: tuple[tuple[type[Exception], str], ...] = (
    (av.error.HTTPUnauthorizedError, "The camera refused the user name or the password."),
    (av.error.HTTPForbiddenError, "The camera refused access to this address."),
    (av.error.HTTPNotFoundError, "The camera has nothing at this path."),
    (av.error.ConnectionRefusedError, "Nothing listens at this host and port."),
    (av.error.ExitError, "The camera did not answer in time."),
    (av.error.TimeoutError, "The camera did not answer in time."),
    (av.error.InvalidDataError, "The address answers, but not with video."),
    (OSError, "The host cannot be reached."),
)


def source_of_form(data: Mapping[str, Any]) -> CameraSource | str:
    """The source that the form's fields describe, or what is wrong with them. A stored password stands in for none."""
    form = CameraForm(data, instance=_stored(data.get("id")))
    form.fields["name"].required = False
    if not form.is_valid():
        return " ".join(str(message) for messages in form.errors.values() for message in messages)
    cleaned = form.cleaned_data
    if not cleaned["stream_url"]:
        return "Enter the camera's address first."
    return CameraSource(cleaned["stream_url"], cleaned["username"], cleaned["password"])


def _stored(id: Any) -> Camera | None:
    with contextlib.suppress(ValidationError):  # it is no id
        return Camera.objects.filter(pk=id).first() if id else None
    return None


async def try_camera(source: CameraSource) -> dict[str, Any]:
    """JSON-ready: ok, and picture (a data URL), width, height, frames_per_second, codec; or message."""
    return await asyncio.to_thread(_try_in_thread, source)


def _try_in_thread(source: CameraSource) -> dict[str, Any]:
    seconds = conf.READ_TIMEOUT.value
    try:
        return {"ok": True, **_look(source, Timeouts(seconds, seconds))}
    except CaptureError as error:
        return {"ok": False, "message": _reason(source, seconds) or str(error)}


def _look(source: CameraSource, timeouts: Timeouts) -> dict[str, Any]:
    reader = Reader(source, timeouts)
    try:
        picture = _first_picture(reader, time.monotonic() + timeouts.reading)
        data, _, _ = encode(picture, "low")
        return {
            "picture": "data:image/jpeg;base64," + base64.b64encode(data).decode(),
            "width": picture.width,
            "height": picture.height,
            "frames_per_second": round(reader.rate, 2) or None,
            "codec": reader.codec,
        }
    except DecodingError as error:
        raise CaptureError(str(error)) from error
    finally:
        reader.close()


def _first_picture(reader: Reader, deadline: float) -> Any:
    decoder = Decoder(reader.codec, reader.extradata)
    while time.monotonic() < deadline:
        picture = decoder.decode(reader.read())
        if picture is not None:
            return picture
    raise CaptureError("The camera was opened, but sent no picture in time.")


def _reason(source: CameraSource, seconds: float) -> str:
    """FFmpeg's reason in words, "" where it has none. Its own text is not shown: it may hold the address."""
    options = {"rtsp_transport": "tcp", "protocol_whitelist": "rtsp,rtsps,rtp,rtcp,udp,tcp,tls,http,https,httpproxy"}
    try:
        with contextlib.closing(av.open(source.address(), options=options, timeout=(seconds, seconds))):
            return ""
    except Exception as error:  # noqa: BLE001 - any failure is looked up, none is raised
        return next((text for kind, text in REASONS if isinstance(error, kind)), "")

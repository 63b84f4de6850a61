"""*Test connection*: open a camera once, as the live view does, and say what it sends or why it does not."""

import asyncio
import base64
import contextlib
import time
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from cameras.forms import CameraForm
from cameras.models import Camera
from cameras.sources import CameraSource
from streaming.ingest.capture import Allowance, CaptureError, Reader
from streaming.ingest.pictures import Decoder, DecodingError, encode
from streaming.ingest.threads import FullError, ThreadPerJobExecutor

MOST_TRIALS = 8  # at once in a worker
# Of its own: cameras that stay silent would take up the loop's few threads for everybody.
_threads = ThreadPerJobExecutor(MOST_TRIALS, name="test connection")


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
    try:
        return await asyncio.wrap_future(_threads.submit(_try_in_thread, source))
    except FullError:
        return {"ok": False, "message": f"{MOST_TRIALS} cameras are being tested here already. Try again in a moment."}


def _try_in_thread(source: CameraSource) -> dict[str, Any]:
    try:
        return {"ok": True, **_look(source, Allowance.of_settings())}
    except CaptureError as error:
        return {"ok": False, "message": error.reason}


def _look(source: CameraSource, allowance: Allowance) -> dict[str, Any]:
    reader = Reader(source, allowance)
    try:
        picture = _first_picture(reader, time.monotonic() + allowance.reading)
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

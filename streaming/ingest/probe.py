"""*Test connection* in the camera form and the API: opens a camera once, as the live view does. Returns a picture, and
its size, frame rate and codec, or why there is none."""

import asyncio
import base64
import contextlib
import time
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from cameras.forms import CameraForm
from cameras.models import Camera
from cameras.sources import AddressError, CameraSource
from streaming.ingest.pictures import Decoder, DecodingError, encode
from streaming.ingest.reader import Allowance, CaptureError, Reader
from streaming.ingest.streams import SUB
from streaming.ingest.threads import FullError, ThreadPerJobExecutor

MAX_TESTS = 8  # at once in a worker
# Its own threads: silent cameras would block the few threads of the event loop's executor.
_threads = ThreadPerJobExecutor(MAX_TESTS, name="test connection")


def source_of_form(
    data: Mapping[str, Any], cameras: "QuerySet[Camera]", stream: str = "", form_class: type[CameraForm] = CameraForm
) -> CameraSource | str:
    """Returns the camera address and credentials in the camera form's fields, or an error message for the user.

    An empty password means the stored one, of the camera in `cameras` with the id `data["id"]`; none if there is no
    such camera, or with `data["forget_password"]`. The user must enter it again for an address with another scheme,
    host or port. `stream`: "sub" for the address of the substream, else that of the main stream. `form_class`: the form
    that validates `data`.
    """
    form = form_class(data, instance=_stored(cameras, data.get("id")))
    form.fields["name"].required = False
    if not form.is_valid():
        return " ".join(str(message) for messages in form.errors.values() for message in messages)
    cleaned = form.cleaned_data
    url = cleaned["substream_url" if stream == SUB else "stream_url"]
    if not url:
        return "Enter the camera's address first."
    try:
        return Camera(stream_url=url, username=cleaned["username"], password=cleaned["password"]).source
    except AddressError as error:  # the stored password cannot be decrypted
        return str(error)


def _stored(cameras: "QuerySet[Camera]", id: Any) -> Camera | None:
    with contextlib.suppress(ValidationError):  # not an id
        return cameras.filter(pk=id).first() if id else None
    return None


async def try_camera(source: CameraSource) -> dict[str, Any]:
    """Open a camera and read one picture. Returns JSON-ready data with `ok`, whether that succeeded.

    If `ok`: picture (a data URL of a JPEG in the quality "low"), width and height of the camera's video (pixels),
    frames_per_second (None if the camera announces none) and codec (FFmpeg's name). Otherwise: message, the reason.
    """
    try:
        return await asyncio.wrap_future(_threads.submit(_try_in_thread, source))
    except FullError:
        return {"ok": False, "message": f"{MAX_TESTS} cameras are being tested here already. Try again in a moment."}


def _try_in_thread(source: CameraSource) -> dict[str, Any]:
    try:
        return {"ok": True, **_look(source, Allowance.of_settings())}
    except CaptureError as error:
        return {"ok": False, "message": error.reason}


def _look(source: CameraSource, allowance: Allowance) -> dict[str, Any]:
    reader = Reader(source, allowance)
    try:
        picture = _first_picture(reader, time.monotonic() + allowance.read_timeout)
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

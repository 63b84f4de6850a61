"""After a measurement, reads the clock that the simulated camera draws into each picture. Computes their ages."""

from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np

from bench.clients import Arrival, Record
from bench.meter import Window
from cameras.simulator import age_ms
from streaming.ingest.frames import Format
from streaming.ingest.pictures import Decoder
from streaming.viewing.protocol import HEADER


def drawn_at(messages: Iterable[bytes]) -> dict[float, float]:
    """Returns when the camera drew the pictures in one viewer's messages: the time when the worker read a picture (from
    the message's header) -> the time of drawing, both Unix milliseconds. Pictures whose clock cannot be read are left
    out.
    """
    drawn, decoder, epoch = {}, Decoder("h264"), -1
    for message in messages:
        _, kind, _, its_epoch, _, read_at, _ = HEADER.unpack_from(message)
        payload = message[HEADER.size :]
        if its_epoch != epoch:
            decoder, epoch = Decoder("h264"), its_epoch
        image = of_jpeg(payload) if kind == Format.JPEG else gray(decoder.decode(payload))
        age = None if image is None else age_ms(image, read_at)
        if age is not None:
            drawn[read_at] = read_at - age
    return drawn


def of_jpeg(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)


def gray(picture: Any) -> Any:
    """Returns the gray image of an av.VideoFrame, an array; None for None."""
    return None if picture is None else picture.to_ndarray(format="gray")


def ages(records: Iterable[Record], window: Window, drawn: dict[float, float]) -> list[float]:
    """Returns the milliseconds from the camera's drawing to the viewer's socket of each picture that arrived in
    `window` and is in `drawn`. `records`: of all viewers of one camera and quality. `drawn`: what `drawn_at` returned
    for one of them.
    """
    return [
        arrival.at * 1000 - drawn[arrival.read_at] for arrival in _within(records, window) if arrival.read_at in drawn
    ]


def waits(records: Iterable[Record], window: Window) -> list[float]:
    """Returns the milliseconds from the worker's reading to the viewer's socket of each picture that arrived in
    `window`.
    """
    return [arrival.at * 1000 - arrival.read_at for arrival in _within(records, window)]


def _within(records: Iterable[Record], window: Window) -> Iterator[Arrival]:
    for record in records:
        yield from record.between(window.started, window.ended)

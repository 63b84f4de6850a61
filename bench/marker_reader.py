"""A plain RTSP reader that ends each picture at RTP's marker bit. Nothing can have a picture earlier.

It speaks just enough RTSP for the simulator's cameras: over TCP, without a log-in, H.264 whole or in FU-A.
"""

import itertools
import re
import socket
import struct
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from streaming.ingest.access_units import START
from streaming.ingest.camera_proxy import PACKET, Messages

RTP = struct.Struct("!BBHII")
FU_A = 28


def pictures(url: str) -> Iterator[tuple[float, bytes]]:
    """Yields the arrival of each picture, Unix seconds, and its H.264 access unit in Annex B."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        messages = Messages(connection)
        _play(connection, messages, url)
        unit = b""
        while True:
            message = messages.next()
            if not message.startswith(PACKET) or message[1]:  # channel 1 has reports
                continue
            arrived = time.time()
            _, kind, *_ = RTP.unpack_from(message, 4)
            unit += _payload(message[4 + RTP.size :])
            if kind & 0x80:
                yield arrived, unit
                unit = b""


def _play(connection: socket.socket, messages: Messages, url: str) -> None:
    numbers = itertools.count(1)

    def ask(method: str, address: str, headers: str = "") -> bytes:
        connection.sendall(f"{method} {address} RTSP/1.0\r\nCSeq: {next(numbers)}\r\n{headers}\r\n".encode())
        return messages.next()

    description = ask("DESCRIBE", url, "Accept: application/sdp\r\n").decode()
    control = re.findall(r"a=control:(\S+)", description)[-1]
    track = control if control.startswith("rtsp://") else f"{url}/{control}"
    reply = ask("SETUP", track, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").decode()
    session = re.search(r"(?i)session: *([^;\r\n]+)", reply)
    ask("PLAY", url, f"Session: {session[1]}\r\n" if session else "")


def _payload(data: bytes) -> bytes:
    """Returns the bytes of an access unit, in Annex B, that are in the payload of an RTP packet."""
    if data[0] & 0x1F != FU_A:
        return START + data
    begins = data[1] & 0x80
    return (START + bytes((data[0] & 0xE0 | data[1] & 0x1F,)) if begins else b"") + data[2:]

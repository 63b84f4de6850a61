"""RTP packets (RFC 3550) inside an RTSP connection, and RTCP sender reports."""

import secrets
import struct
from collections.abc import Iterator

from ..coding.payload import PAYLOAD_TYPES, PAYLOADS, jpeg_payloads
from ..coding.repetition import InBandSets, Repetition
from ..stream import AccessUnit, Codec

NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""


class RtpStream:
    """Packs the encoded pictures of one RTSP session into RTP packets. Sequence number and timestamp start at random.

    RTP uses the interleaved `channel` of the connection, and RTCP the next. `repetition` tells where parameter sets are
    repeated.
    """

    def __init__(self, channel: int, repetition: Repetition) -> None:
        self.ssrc = secrets.randbits(32)
        self.sequence = secrets.randbits(16)
        self._channel = channel
        self._sets = InBandSets(repetition)
        self._offset = secrets.randbits(32)
        self._packets = 0
        self._octets = 0

    def begin(self) -> None:
        """Forget which parameter sets were sent. Called at each PLAY."""
        self._sets.begin()

    def timestamp(self, ticks: int) -> int:
        return (ticks + self._offset) & 0xFFFFFFFF

    def frames(self, unit: AccessUnit) -> Iterator[bytes]:
        """Yield the RTP packets of one encoded picture, framed for the RTSP connection.

        Each packet gets its sequence number when it is taken, so a caller that stops early leaves no gap.
        """
        payloads = list(self._payloads(unit))
        timestamp = self.timestamp(unit.ticks)
        kind = PAYLOAD_TYPES[unit.stream.codec]
        for index, payload in enumerate(payloads, start=1):
            marker = 0x80 if index == len(payloads) else 0
            yield _interleaved(self._channel, self._packet(payload, timestamp, kind | marker))

    def report(self, unit: AccessUnit) -> bytes:
        """Returns an RTCP sender report, framed for the RTSP connection.

        It maps the picture's RTP timestamp to the time at which the picture was drawn.
        """
        seconds = unit.drawn_at + NTP_EPOCH
        ntp = (int(seconds) << 32) | int(seconds % 1 * (1 << 32))
        counts = (self._packets & 0xFFFFFFFF, self._octets & 0xFFFFFFFF)
        packet = struct.pack("!BBHIQIII", 0x80, 200, 6, self.ssrc, ntp, self.timestamp(unit.ticks), *counts)
        return _interleaved(self._channel + 1, packet)

    def _payloads(self, unit: AccessUnit) -> Iterator[bytes]:
        stream = unit.stream
        if stream.codec is Codec.MJPEG:
            yield from jpeg_payloads(stream.width, stream.height, *unit.parts)
            return
        for nal in self._sets.nals(unit):
            yield from PAYLOADS[stream.codec](nal)

    def _packet(self, payload: bytes, timestamp: int, kind: int) -> bytes:
        header = struct.pack("!BBHII", 0x80, kind, self.sequence, timestamp, self.ssrc)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self._packets += 1
        self._octets += len(payload)
        return header + payload


def _interleaved(channel: int, packet: bytes) -> bytes:
    """Returns an RTP or RTCP packet with the header that an RTSP connection needs (RFC 2326, 10.12)."""
    return struct.pack("!cBH", b"$", channel, len(packet)) + packet

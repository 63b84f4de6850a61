"""RTP packets of an H.264 stream (RFC 3550, RFC 6184 packetization mode 1) and their sender reports."""

import secrets
import struct
from collections.abc import Iterator

from .encoder import AccessUnit

PAYLOAD_TYPE = 96
LARGEST_PAYLOAD = 1400
"""Bytes; with all headers a packet fits an Ethernet frame, as a camera's does."""

FU_A = 28
NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""


def interleaved(channel: int, packet: bytes) -> bytes:
    """`packet` framed for an RTSP connection (RFC 2326, 10.12)."""
    return struct.pack("!cBH", b"$", channel, len(packet)) + packet


class RtpStream:
    """One session's sequence numbers and time stamps, from random starts."""

    def __init__(self) -> None:
        self.ssrc = secrets.randbits(32)
        self.sequence = secrets.randbits(16)
        self._offset = secrets.randbits(32)
        self._packets = 0
        self._octets = 0

    def timestamp(self, ticks: int) -> int:
        return (ticks + self._offset) & 0xFFFFFFFF

    def packets(self, unit: AccessUnit) -> Iterator[bytes]:
        """The unit's packets. A sequence number is spent as its packet is taken, so a unit may be left."""
        payloads = [payload for nal in unit.nals for payload in _payloads(nal)]
        timestamp = self.timestamp(unit.ticks)
        for index, payload in enumerate(payloads, start=1):
            yield self._packet(payload, timestamp, marker=index == len(payloads))

    def sender_report(self, unit: AccessUnit) -> bytes:
        """An RTCP sender report that ties the unit's time stamp to the time of day."""
        seconds = unit.drawn_at + NTP_EPOCH
        ntp = (int(seconds) << 32) | int(seconds % 1 * (1 << 32))
        counts = (self._packets & 0xFFFFFFFF, self._octets & 0xFFFFFFFF)
        return struct.pack("!BBHIQIII", 0x80, 200, 6, self.ssrc, ntp, self.timestamp(unit.ticks), *counts)

    def _packet(self, payload: bytes, timestamp: int, marker: bool) -> bytes:
        kind = PAYLOAD_TYPE | (0x80 if marker else 0)
        header = struct.pack("!BBHII", 0x80, kind, self.sequence, timestamp, self.ssrc)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self._packets += 1
        self._octets += len(payload)
        return header + payload


def _payloads(nal: bytes) -> Iterator[bytes]:
    """The unit whole where it fits, else as FU-A fragments (RFC 6184, 5.8)."""
    if len(nal) <= LARGEST_PAYLOAD:
        yield nal
        return
    indicator = nal[0] & 0xE0 | FU_A
    step = LARGEST_PAYLOAD - 2
    for start in range(1, len(nal), step):
        first, last = start == 1, start + step >= len(nal)
        yield bytes((indicator, first << 7 | last << 6 | nal[0] & 0x1F)) + nal[start : start + step]

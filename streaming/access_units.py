"""A camera's own video by access units (coded pictures), put right for decoders less patient than FFmpeg.

Pure functions of bytes; H.264 is Annex B throughout (ITU-T H.264, 7.3 and 7.4.1).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

START = b"\x00\x00\x00\x01"
SLICE, IDR, SPS, PPS = 1, 5, 7, 8  # nal_unit_type


@dataclass(frozen=True, slots=True)
class AccessUnit:
    data: bytes
    key: bool  # decoding may start here: an IDR picture with its parameter sets in front
    presented_at: float  # microseconds
    codec: str = ""  # as WebCodecs names it, "avc1.42C01F"; of a key only, else ""


def nal_units(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Type, first byte and end of each NAL unit in `data`, without the start codes."""
    position = data.find(b"\x00\x00\x01")
    while position >= 0:
        first = position + 3
        position = data.find(b"\x00\x00\x01", first)
        end = len(data) if position < 0 else position
        if first < end:
            yield data[first] & 0x1F, first, end


class Passing:
    """Units of a codec in which each read is a picture, and nothing has to be put right."""

    def __init__(self, *, keys: bool) -> None:
        self._keys = keys  # every picture stands alone, as in MJPEG

    def push(self, data: bytes, presented_at: float) -> list[AccessUnit]:
        return [AccessUnit(data, self._keys, presented_at)]


class H264:
    """Reads of a camera in, whole access units out.

    - A key picture lacks its parameter sets: the latest ones, or those of the session description, are put in front.
    - A picture comes in two reads, as its sender repeats parameter sets between its slices: the two are joined. WebCodecs
      shows such halves as corruption, without an error. From the first one on, pictures of that type are held back by one
      read; what had begun already is left out up to the next key.
    - Recovery points that are not IDR pictures are no keys: browsers do not start from them.
    """

    def __init__(self, extradata: bytes = b"") -> None:
        self._parameters: dict[int, bytes] = {}  # SPS, PPS -> the latest NAL unit
        self._remember(extradata)
        self._splits: set[bool] = set()  # whether keys (True) and other pictures (False) have come in halves
        self._held: AccessUnit | None = None
        self._prefix = b""
        self._broken = False

    def push(self, data: bytes, presented_at: float) -> list[AccessUnit]:
        first = self._remember(data)
        if first is None:  # parameter sets or messages alone: they belong to the next picture
            self._prefix += data
            return []
        kind, continues = first
        if continues:
            return self._continue(data, key=kind == IDR)
        unit = self._unit(self._prefix + data, kind, presented_at)
        self._prefix = b""
        done = [self._held] if self._held else []
        self._held = unit if (kind == IDR) in self._splits else None
        return self._sound(done if self._held else [*done, unit])

    def _continue(self, data: bytes, *, key: bool) -> list[AccessUnit]:
        """The rest of a picture whose first part came with the last read."""
        if self._held is not None:
            self._held = replace(self._held, data=self._held.data + data)
        else:
            self._splits.add(key)
            self._broken = True
        return []

    def _sound(self, units: list[AccessUnit]) -> list[AccessUnit]:
        """Without what depends on a picture that was broken."""
        sound = []
        for unit in units:
            self._broken = self._broken and not unit.key
            if not self._broken:
                sound.append(unit)
        return sound

    def _remember(self, data: bytes) -> tuple[int, bool] | None:
        """Keep the parameter sets; returns type and "goes on with a picture" of the first slice, None without one."""
        first = None
        for kind, start, end in nal_units(data):
            if kind in (SPS, PPS):
                self._parameters[kind] = data[start:end].rstrip(b"\x00")
            elif kind in (SLICE, IDR) and first is None and start + 1 < end:
                # first_mb_in_slice is Exp-Golomb coded: 0 is a single set bit.
                first = kind, not data[start + 1] & 0x80
        return first

    def _unit(self, data: bytes, kind: int, presented_at: float) -> AccessUnit:
        if kind != IDR or len(self._parameters) < 2:
            return AccessUnit(data, key=False, presented_at=presented_at)
        present = {kind for kind, _, _ in nal_units(data)}
        missing = [START + self._parameters[kind] for kind in (SPS, PPS) if kind not in present]
        sps = self._parameters[SPS]
        return AccessUnit(b"".join(missing) + data, True, presented_at, f"avc1.{sps[1:4].hex().upper()}")

"""Splits a camera's video into access units (coded pictures), and repairs them for decoders that are stricter than FFmpeg.

Pure functions of bytes. All H.264 is in Annex B format (ITU-T H.264, 7.3 and 7.4.1).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

START = b"\x00\x00\x00\x01"
SLICE, IDR, SPS, PPS = 1, 5, 7, 8  # nal_unit_type
IDENTIFIER_AT = {SPS: 4, PPS: 1}  # the byte of a parameter set at which its Exp-Golomb coded identifier begins
MAX_PREFIX = 65_536  # bytes without a slice that are kept for the next picture
MAX_UNIT_BYTES = 8_000_000  # of the largest access unit, by default


class AccessUnit(NamedTuple):
    data: bytes
    key: bool  # decoding can start here: H.264 has an IDR picture with its parameter sets in front
    presented_at: float  # microseconds
    codec: str = ""  # WebCodecs' name such as "avc1.42C01F" for a keyframe of H.264, else ""
    parameters: bytes = b""  # the current parameter sets for a keyframe of H.264, else empty
    read_at: float = 0.0  # Unix milliseconds of the worker's clock when it was read from the camera


def nal_units(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields type, start and end of each NAL unit in `data`, without the start codes."""
    position = data.find(b"\x00\x00\x01")
    while position >= 0:
        first = position + 3
        position = data.find(b"\x00\x00\x01", first)
        end = len(data) if position < 0 else position
        if first < end:
            yield data[first] & 0x1F, first, end


class Passing:
    """Access units of a codec other than H.264: each read is one picture and needs no repair."""

    def __init__(self, codec: str) -> None:
        self._codec = codec

    def push(self, data: bytes, presented_at: float, read_at: float = 0.0) -> list[AccessUnit]:
        return [AccessUnit(data, self._is_key(data), presented_at, read_at=read_at)]

    def release_if(self, is_whole: Callable[[str, bytes], bool]) -> list[AccessUnit]:
        return []

    def hold_keyframes(self) -> None:
        pass

    def _is_key(self, data: bytes) -> bool:
        if self._codec == "hevc":  # ITU-T H.265, 7.3.1.2 and 7.4.2.2: types 16 to 21 are random access points
            return any(16 <= data[first] >> 1 & 0x3F <= 21 for _, first, _ in nal_units(data))
        return self._codec == "mjpeg"


def units_of(codec: str, extradata: bytes, largest: int = MAX_UNIT_BYTES, *, whole: bool = False) -> "H264 | Passing":
    """Returns the converter from a camera's reads to access units of at most `largest` bytes.

    `whole`: each read so far has been a whole picture.
    """
    return H264(extradata, hold_first=not whole, largest=largest) if codec == "h264" else Passing(codec)


class H264:
    """Converts a camera's reads to whole access units.

    - A keyframe without parameter sets gets the latest ones, or those of the session description.
    - A picture may come in two reads, if the camera repeats parameter sets between its slices. The two are joined: WebCodecs
      shows such halves as corruption, without an error. From the first such picture on, pictures of its type (keyframes, or
      others) are delayed by one read. Half of that picture has been passed on, so pictures are dropped up to the next
      keyframe. `hold_first` delays the first keyframe too.
    - Recovery points that are not IDR pictures are no keyframes: browsers do not start from them.
    """

    def __init__(self, extradata: bytes = b"", *, hold_first: bool = False, largest: int = MAX_UNIT_BYTES) -> None:
        self._largest = largest
        self._parameters: dict[tuple[int, int], bytes] = {}  # type and identifier -> latest parameter set
        self._remember(extradata)
        # Contains True if keyframes come in halves, False if other pictures do.
        self._splits: set[bool] = {True} if hold_first else set()
        self._proven = not hold_first  # False: `_splits` is a guess until the first keyframe is whole
        self._held: AccessUnit | None = None  # a picture whose second half may follow
        self._prefix = b""  # parameter sets and messages for the next picture
        self._broken = False  # a picture was lost: those up to the next keyframe are dropped

    def push(self, data: bytes, presented_at: float, read_at: float = 0.0) -> list[AccessUnit]:
        """Returns the access units that `data`, one read, completes. `presented_at`, `read_at`: those of AccessUnit."""
        first = self._remember(data)
        if first is None:  # parameter sets or messages alone belong to the next picture
            self._prefix = (self._prefix + data)[-MAX_PREFIX:]
            return []
        kind, continues = first
        if continues:
            return self._continue(data, key=kind == IDR)
        unit = self._unit(self._prefix + data, kind, presented_at, read_at)
        self._prefix = b""
        done = [self._held] if self._held else []
        if done and not self._proven:
            self._proven, self._splits = True, set()
        self._held = unit if (kind == IDR) in self._splits else None
        return self._drop_undecodable(done if self._held else [*done, unit])

    def release_if(self, is_whole: Callable[[str, bytes], bool]) -> list[AccessUnit]:
        """Returns the first keyframe if it is held, and `is_whole` of codec and data tells that no second half will come."""
        if self._proven or self._held is None or not is_whole("h264", self._held.data):
            return []
        unit, self._held, self._proven, self._splits = self._held, None, True, set()
        return [unit]

    def hold_keyframes(self) -> None:
        """Keyframes come in two reads from now on."""
        self._splits, self._proven = self._splits | {True}, True

    def _continue(self, data: bytes, *, key: bool) -> list[AccessUnit]:
        """Append the rest of a picture that began in the last read."""
        self._proven = True
        if self._held is not None:
            slices = (START + data[start:end] for type, start, end in nal_units(data) if type in (SLICE, IDR))
            self._held = self._held._replace(data=self._held.data + b"".join(slices))
            if len(self._held.data) > self._largest:
                self._held, self._broken = None, True
        else:
            self._splits.add(key)
            self._broken = True
        return []

    def _drop_undecodable(self, units: list[AccessUnit]) -> list[AccessUnit]:
        """Drops pictures that depend on a broken one."""
        decodable = []
        for unit in units:
            self._broken = self._broken and not unit.key
            if not self._broken:
                decodable.append(unit)
        return decodable

    def _remember(self, data: bytes) -> tuple[int, bool] | None:
        """Keep the parameter sets. Returns the first slice's type and whether it continues a picture, or None."""
        first = None
        for kind, start, end in nal_units(data):
            if kind in IDENTIFIER_AT:
                unit = data[start:end].rstrip(b"\x00")
                self._parameters[kind, _exp_golomb(unit[IDENTIFIER_AT[kind] :])] = unit
            elif kind in (SLICE, IDR) and first is None and start + 1 < end:
                # first_mb_in_slice is Exp-Golomb coded: 0 is a single set bit.
                first = kind, not data[start + 1] & 0x80
        return first

    def _unit(self, data: bytes, kind: int, presented_at: float, read_at: float) -> AccessUnit:
        plain = AccessUnit(data, key=False, presented_at=presented_at, read_at=read_at)
        if kind != IDR:
            return plain
        known = {kind for kind, _ in self._parameters}
        sps = next((unit for (kind, _), unit in self._parameters.items() if kind == SPS), b"")
        if PPS not in known or len(sps) < 4:
            return plain
        present = {data[start:end].rstrip(b"\x00") for kind, start, end in nal_units(data) if kind in IDENTIFIER_AT}
        sets = sorted(self._parameters.items())
        missing = b"".join(START + unit for _, unit in sets if unit not in present)
        parameters = b"".join(unit for _, unit in sets)
        return AccessUnit(missing + data, True, presented_at, f"avc1.{sps[1:4].hex().upper()}", parameters, read_at)


def _exp_golomb(data: bytes) -> int:
    """Returns the unsigned number at the start of `data` (9.1), or 0 if it is cut off."""
    bits = "".join(f"{byte:08b}" for byte in data[:8])
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1

"""Converts what is read from a camera to access units (coded pictures), for decoders that are stricter than FFmpeg.

Does no input or output. All H.264 and H.265 is in Annex B format.
"""

from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple

from streaming.ingest import nal_syntax
from streaming.ingest.nal_syntax import Syntax

START = b"\x00\x00\x00\x01"
MAX_PREFIX = 65_536  # bytes without a slice that are kept for the next picture
MAX_UNIT_BYTES = 8_000_000  # of the largest access unit, by default


class AccessUnit(NamedTuple):
    data: bytes
    key: bool  # decoding can start here: H.264 has an IDR picture (H.265: an IRAP picture) with its parameter sets in front
    presented_at: float  # the camera's presentation time, microseconds
    codec: str = ""  # WebCodecs' name such as "avc1.42C01F" for a keyframe of H.264 or H.265, else ""
    parameters: bytes = b""  # the current parameter sets for a keyframe of H.264 or H.265, else empty
    read_at: float = 0.0  # Unix milliseconds of the worker's clock when it was read from the camera


def nal_units(data: bytes, syntax: Syntax = nal_syntax.H264) -> Iterator[tuple[int, int, int]]:
    """Yields type, begin and end of each NAL unit in `data`, which is in Annex B format.

    The type is nal_unit_type. The unit is `data[begin:end]`: without its start code, but with the zero bytes behind it.
    `syntax`: that of the codec, nal_syntax.H264 or nal_syntax.H265.
    """
    position = data.find(b"\x00\x00\x01")
    while position >= 0:
        first = position + 3
        position = data.find(b"\x00\x00\x01", first)
        end = len(data) if position < 0 else position
        if first < end:
            yield syntax.type_of(data[first]), first, end


class Passing:
    """The converter for codecs other than H.264 and H.265. Each read is one picture, which it returns at once."""

    def __init__(self, codec: str) -> None:
        self._codec = codec

    def push(self, data: bytes, presented_at: float, read_at: float = 0.0) -> list[AccessUnit]:
        return [AccessUnit(data, self._codec == "mjpeg", presented_at, read_at=read_at)]

    def release_if(self, is_whole: Callable[[bytes], bool]) -> list[AccessUnit]:
        return []

    def hold_keyframes(self) -> None:
        pass


def units_of(codec: str, extradata: bytes, largest: int = MAX_UNIT_BYTES, *, whole: bool = False) -> "H264 | Passing":
    """Returns a new converter from a camera's reads (each is what FFmpeg returns at once) to access units.

    `codec`: FFmpeg's name. `extradata`: the codec parameters of the session description. `largest`: a picture that
    comes in two reads is dropped if it has more bytes. `whole`: each read so far was a whole picture, so the first
    keyframe is not delayed.
    """
    kind = {"h264": H264, "hevc": H265}.get(codec)
    return kind(extradata, hold_first=not whole, largest=largest) if kind else Passing(codec)


class H264:
    """Converts a camera's reads of H.264 to whole access units.

    - A keyframe without parameter sets gets the latest ones, or those of `extradata` (of the session description). They
      follow its access unit delimiter, which must be the first NAL unit.
    - A picture may come in two reads, if the camera repeats parameter sets between its slices. The two are joined:
      WebCodecs shows such halves as corruption, without an error. From the first such picture on, pictures of its type
      (keyframes, or others) are delayed by one read. Half of that first picture has been returned already, so all
      pictures are dropped up to the next keyframe.
    - `hold_first` delays the first keyframe too. `largest`: a joined picture of more bytes is dropped, and all pictures up
      to the next keyframe.
    - Recovery points that are not IDR pictures do not count as keyframes: browsers cannot start from them.
    """

    syntax: ClassVar[Syntax] = nal_syntax.H264

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
        """Returns the access units that `data`, one read of the camera, completes: none, one or two.

        `presented_at`: the picture's presentation time, microseconds. `read_at`: when `data` was read, Unix
        milliseconds of the worker's clock; 0: not known.
        """
        first = self._remember(data)
        if first is None:  # parameter sets or messages alone belong to the next picture
            self._prefix = (self._prefix + data)[-MAX_PREFIX:]
            return []
        kind, continues = first
        if continues:
            return self._continue(data, key=kind in self.syntax.keys)
        unit = self._unit(self._prefix + data, kind, presented_at, read_at)
        self._prefix = b""
        done = [self._held] if self._held else []
        if done and not self._proven:
            self._proven, self._splits = True, set()
        self._held = unit if (kind in self.syntax.keys) in self._splits else None
        return self._drop_undecodable(done if self._held else [*done, unit])

    def release_if(self, is_whole: Callable[[bytes], bool]) -> list[AccessUnit]:
        """Returns a list with the first keyframe if it is delayed but whole. Otherwise, and always for H.265, it is
        empty. Once that keyframe is returned, later ones are not delayed until one comes in two reads. `is_whole`
        gets the data of a keyframe, and returns whether no part is missing.
        """
        if self._proven or self._held is None or not is_whole(self._held.data):
            return []
        unit, self._held, self._proven, self._splits = self._held, None, True, set()
        return [unit]

    def hold_keyframes(self) -> None:
        """Delay each keyframe by one read from now on: the camera sends keyframes in two reads."""
        self._splits, self._proven = self._splits | {True}, True

    def _continue(self, data: bytes, *, key: bool) -> list[AccessUnit]:
        """Append the slices in `data` to the delayed picture, whose second half they are. Returns an empty list.

        If the first half has been returned already, or the whole is too large, drop all pictures up to the next
        keyframe. `key`: the picture is a keyframe.
        """
        self._proven = True
        if self._held is not None:
            units = nal_units(data, self.syntax)
            slices = (START + data[start:end] for kind, start, end in units if kind in self.syntax.slices)
            self._held = self._held._replace(data=self._held.data + b"".join(slices))
            if len(self._held.data) > self._largest:
                self._held, self._broken = None, True
        else:
            self._splits.add(key)
            self._broken = True
        return []

    def _drop_undecodable(self, units: list[AccessUnit]) -> list[AccessUnit]:
        """Returns `units` without those that depend on a lost or incomplete picture: those before the next keyframe."""
        decodable = []
        for unit in units:
            self._broken = self._broken and not unit.key
            if not self._broken:
                decodable.append(unit)
        return decodable

    def _remember(self, data: bytes) -> tuple[int, bool] | None:
        """Store the parameter sets in `data`.

        Returns the nal_unit_type of its first slice, and whether that continues a picture. None: it has no slice.
        """
        first, syntax = None, self.syntax
        for kind, start, end in nal_units(data, syntax):
            if kind in syntax.sets:
                unit = data[start:end].rstrip(b"\x00")
                self._parameters[kind, syntax.identifier_of(kind, unit)] = unit
            elif kind in syntax.slices and first is None and start + syntax.header < end:
                first = kind, not data[start + syntax.header] & 0x80
        return first

    def _unit(self, data: bytes, kind: int, presented_at: float, read_at: float) -> AccessUnit:
        plain = AccessUnit(data, key=False, presented_at=presented_at, read_at=read_at)
        if kind not in self.syntax.keys:
            return plain
        known = {kind for kind, _ in self._parameters}
        sps = next((unit for (kind, _), unit in self._parameters.items() if kind == self.syntax.sps), b"")
        codec = self.syntax.codec_of(sps)
        if not codec or not known.issuperset(self.syntax.sets):
            return plain
        sets = [unit for _, unit in sorted(self._parameters.items())]
        return AccessUnit(self._with_sets(data, sets), True, presented_at, codec, b"".join(sets), read_at)

    def _with_sets(self, data: bytes, sets: list[bytes]) -> bytes:
        """Returns the picture `data` with the parameter sets that it lacks, behind its access unit delimiter, if any.

        `sets`: all parameter sets that it needs, without start codes.
        """
        units = list(nal_units(data, self.syntax))
        present = {data[start:end].rstrip(b"\x00") for kind, start, end in units if kind in self.syntax.sets}
        missing = b"".join(START + unit for unit in sets if unit not in present)
        kind, _, end = units[0]
        head = data[:end].rstrip(b"\x00") if kind == self.syntax.delimiter else b""
        return head + missing + data[len(head) :]


class H265(H264):
    """Converts a camera's reads to whole access units of H.265. Its keyframes are IDR, BLA and CRA pictures.

    Adds missing parameter sets to keyframes, and joins pictures that come in two reads, as H264 does.
    """

    syntax = nal_syntax.H265

    def release_if(self, is_whole: Callable[[bytes], bool]) -> list[AccessUnit]:
        return []  # whether it is whole, only a decoder of H.264 tells

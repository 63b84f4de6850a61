"""The differences between the NAL units of H.264 and of H.265 (ITU-T H.264, 7.3 and 7.4.1; ITU-T H.265, 7.3 and 7.4.2).

Pure functions of bytes. A NAL unit is passed without its start code: it begins with its header.
"""

from collections.abc import Callable, Container
from typing import NamedTuple

SLICE, IDR, SPS, PPS, DELIMITER = 1, 5, 7, 8, 9  # nal_unit_type of H.264
IDENTIFIER_AT = {SPS: 4, PPS: 1}  # the byte of a parameter set at which its Exp-Golomb coded identifier begins

H265_VPS, H265_SPS, H265_PPS, H265_DELIMITER = 32, 33, 34, 35  # nal_unit_type of H.265
LEVEL_END = 15  # bytes of a sequence parameter set of H.265 up to general_level_idc, without emulation prevention


class Syntax(NamedTuple):
    """How to parse the NAL units of one codec. All types are values of nal_unit_type."""

    type_of: Callable[[int], int]  # a unit's type, from its first byte
    slices: Container[int]
    keys: Container[int]  # slices of pictures at which decoding can start
    sets: tuple[int, ...]  # parameter sets, in the order of sending
    sps: int  # sequence parameter set
    delimiter: int  # access unit delimiter
    header: int  # bytes; the next bit of a slice is set if it begins a picture
    identifier_of: Callable[[int, bytes], int]  # a parameter set's id among those of its type, from type and unit
    codec_of: Callable[[bytes], str]  # WebCodecs' name, from a sequence parameter set; "": it is cut off


def _h264_identifier(kind: int, unit: bytes) -> int:
    return exp_golomb(unit[IDENTIFIER_AT[kind] :])


def _h264_codec(sps: bytes) -> str:
    return f"avc1.{sps[1:4].hex().upper()}" if len(sps) >= 4 else ""


def _h265_identifier(kind: int, unit: bytes) -> int:
    if kind == H265_PPS:
        return exp_golomb(unit[2:])
    if kind == H265_VPS:
        return unit[2] >> 4 if len(unit) > 2 else 0
    sps = without_emulation_prevention(unit)
    return exp_golomb(sps[LEVEL_END + _sub_layer_bytes(sps) :])


def _sub_layer_bytes(sps: bytes) -> int:
    """Returns how many bytes of profile_tier_level follow general_level_idc: the flags and the data of the sub-layers.

    `sps`: an H.265 sequence parameter set without emulation prevention bytes. Returns 0 if it ends before these.
    """
    layers = sps[2] >> 1 & 7 if len(sps) > LEVEL_END + 2 else 0  # sps_max_sub_layers_minus1
    if not layers:
        return 0
    flags = int.from_bytes(sps[LEVEL_END : LEVEL_END + 2], "big")
    return 2 + sum(11 * (flags >> 15 - 2 * layer & 1) + (flags >> 14 - 2 * layer & 1) for layer in range(layers))


def _h265_codec(sps: bytes) -> str:
    """Returns the codec string for WebCodecs, such as "hev1.1.6.L93.B0", from an H.265 sequence parameter set.

    ISO/IEC 14496-15, E.3, defines the string. Returns "" if the set ends before its general_level_idc.
    """
    sps = without_emulation_prevention(sps[: 2 * LEVEL_END])
    if len(sps) < LEVEL_END:
        return ""
    space = ("", "A", "B", "C")[sps[3] >> 6]
    tier = "H" if sps[3] & 0x20 else "L"
    compatible = int(f"{int.from_bytes(sps[4:8], 'big'):032b}"[::-1], 2)
    constraints = "".join(f".{byte:X}" for byte in sps[8:14].rstrip(b"\x00"))
    return f"hev1.{space}{sps[3] & 0x1F}.{compatible:X}.{tier}{sps[14]}{constraints}"


def without_emulation_prevention(unit: bytes) -> bytes:
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def exp_golomb(data: bytes) -> int:
    """Returns the unsigned Exp-Golomb coded number, ue(v), at the start of `data` (H.264, 9.1).

    Returns 0 if the first 8 bytes have no set bit. The result for a number that is cut off is meaningless.
    """
    bits = "".join(f"{byte:08b}" for byte in data[:8])
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1


H264 = Syntax(
    type_of=lambda first: first & 0x1F,
    slices=(SLICE, IDR),
    keys=(IDR,),
    sets=(SPS, PPS),
    sps=SPS,
    delimiter=DELIMITER,
    header=1,  # then first_mb_in_slice, Exp-Golomb coded: 0 is a single set bit
    identifier_of=_h264_identifier,
    codec_of=_h264_codec,
)
H265 = Syntax(
    type_of=lambda first: first >> 1 & 0x3F,
    slices=range(32),
    keys=range(16, 22),  # intra random access points; 22 and 23 are reserved
    sets=(H265_VPS, H265_SPS, H265_PPS),
    sps=H265_SPS,
    delimiter=H265_DELIMITER,
    header=2,  # then first_slice_segment_in_pic_flag
    identifier_of=_h265_identifier,
    codec_of=_h265_codec,
)

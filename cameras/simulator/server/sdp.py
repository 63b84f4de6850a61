"""The SDP description of a stream (RFC 4566)."""

import base64

from ..coding.payload import PAYLOAD_TYPES
from ..stream import Codec, StreamFormat

TRACK = "track1"


def describe(name: str, stream: StreamFormat, sets: tuple[bytes, ...]) -> bytes:
    """Returns the SDP description of a stream. `name` is its title.

    `sets` are its parameter sets, as NAL units without start codes: SPS and PPS for H.264; VPS, SPS and PPS for
    H.265; none for MJPEG.
    """
    lines = (
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        f"s={' '.join(name.split()) or '-'}",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPES[stream.codec]}",
        *_media_lines(stream, sets),
        f"a=framerate:{float(stream.rate):g}",
        f"a=control:{TRACK}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()


def _media_lines(stream: StreamFormat, sets: tuple[bytes, ...]) -> tuple[str, ...]:
    """Returns the SDP lines of the codec: its RTP payload type and, except for MJPEG, bandwidth and parameter sets.

    Defined in RFC 6184, 8.2 (H.264), RFC 7798, 7.2 (H.265) and RFC 2435, 6 (JPEG).
    """
    kind = PAYLOAD_TYPES[stream.codec]
    if stream.codec is Codec.MJPEG:
        return (f"a=rtpmap:{kind} JPEG/90000",)
    encoded = [base64.b64encode(nal).decode() for nal in sets]
    bandwidth = f"b=AS:{stream.bit_rate // 1000}"
    if stream.codec is Codec.H265:
        names = ("sprop-vps", "sprop-sps", "sprop-pps")
        sprop = ";".join(f"{name}={value}" for name, value in zip(names, encoded, strict=True))
        return bandwidth, f"a=rtpmap:{kind} H265/90000", f"a=fmtp:{kind} {sprop}"
    profile = sets[0][1:4].hex().upper()
    fields = f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={','.join(encoded)}"
    return bandwidth, f"a=rtpmap:{kind} H264/90000", f"a=fmtp:{kind} {fields}"

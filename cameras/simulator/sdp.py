"""A camera's description of its stream (RFC 4566, RFC 6184 section 8.2)."""

import base64

from .encoder import ParameterSets, StreamFormat
from .rtp import PAYLOAD_TYPE

TRACK = "track1"


def describe(name: str, stream: StreamFormat, sets: ParameterSets) -> bytes:
    sprop = ",".join(base64.b64encode(nal).decode() for nal in (sets.sps, sets.pps))
    profile = sets.sps[1:4].hex().upper()
    lines = (
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        f"s={' '.join(name.split()) or '-'}",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"b=AS:{stream.bit_rate // 1000}",
        f"a=rtpmap:{PAYLOAD_TYPE} H264/90000",
        f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sprop}",
        f"a=framerate:{float(stream.rate):g}",
        f"a=control:{TRACK}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()

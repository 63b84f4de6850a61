"""Converts OpenCV's identifiers of codecs (FourCC) to FFmpeg's names."""

CODECS = {  # FourCC -> FFmpeg's name
    "avc1": "h264",
    "x264": "h264",
    "hev1": "hevc",
    "hvc1": "hevc",
    "h265": "hevc",
    "mjpg": "mjpeg",
    "mp4v": "mpeg4",
}


def codec_name(fourcc: float) -> str:
    """Returns FFmpeg's name of a codec, such as "h264", or the FourCC in lower case if that is not in `CODECS`.

    `fourcc`: four ASCII characters as one little-endian number, as OpenCV returns it.
    """
    code = int(fourcc)
    text = code.to_bytes(4, "little", signed=code < 0).decode("ascii", "replace").strip("\0 ").lower()
    return CODECS.get(text, text)

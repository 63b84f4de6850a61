"""Encodes H.264 and H.265 with libx264 and libx265 of PyAV."""

from typing import cast

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from ..stream import AccessUnit, Codec, StreamFormat, Yuv
from .nal import SYNTAX, split

LIBRARIES = {Codec.H264: "libx264", Codec.H265: "libx265"}


class VideoEncoder:
    """Encodes one H.264 or H.265 stream. It returns each picture at once, or with B-frames a few pictures later."""

    def __init__(self, stream: StreamFormat) -> None:
        self._stream = stream
        self._syntax = SYNTAX[stream.codec]
        self._context = _open_context(stream)
        self._count = 0
        self._times: dict[int, tuple[int, float]] = {}
        self._sets: tuple[bytes, ...] = ()

    def encode(self, picture: Yuv, ticks: int, drawn_at: float, key: bool) -> list[AccessUnit]:
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = self._count
        self._times[self._count] = (ticks, drawn_at)
        self._count += 1
        if key:
            frame.pict_type = PictureType.I
        return [self._unit(packet) for packet in self._context.encode(frame)]

    def flush(self) -> list[AccessUnit]:
        return [self._unit(packet) for packet in self._context.encode(None)]

    def _unit(self, packet: "Packet[VideoStream]") -> AccessUnit:
        nals = [nal for nal in split(bytes(packet)) if not self._syntax.is_banner(nal)]
        self._sets = tuple(filter(self._syntax.is_set, nals)) or self._sets
        parts = tuple(nal for nal in nals if not self._syntax.is_set(nal))
        ticks, drawn_at = self._times.pop(cast(int, packet.pts))
        return AccessUnit(parts, self._sets, packet.is_keyframe, ticks, drawn_at, self._stream)


def _open_context(stream: StreamFormat) -> VideoCodecContext:
    context = cast(VideoCodecContext, av.CodecContext.create(LIBRARIES[stream.codec], "w"))
    context.width, context.height, context.pix_fmt = stream.width, stream.height, "yuv420p"
    context.framerate, context.time_base = stream.rate, 1 / stream.rate
    # Scenes are drawn in BT.601. Without this, decoders assume BT.709 for HD.
    context.colorspace, context.color_range = Colorspace.ITU601, ColorRange.MPEG
    context.bit_rate = stream.bit_rate
    context.gop_size = _gop_size(stream)
    context.thread_count = 1
    rate = str(stream.bit_rate)
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "maxrate": rate,
        "bufsize": rate,
        **(_x264_options(stream) if stream.codec is Codec.H264 else _x265_options()),
    }
    return context


def _gop_size(stream: StreamFormat) -> int:
    frames = max(1, round(stream.gop_seconds * stream.rate))
    if not stream.open_gop:
        return frames
    # B-frames lead a keyframe only if it ends a run of B-frames.
    run = stream.b_frames + 1
    return max(1, round(frames / run)) * run


def _x264_options(stream: StreamFormat) -> dict[str, str]:
    """Returns libx264's options besides those that both codecs share.

    libx264 derives the profile from the coding tools in use. The preset "ultrafast" uses none of them,
    so these options switch on those of the wanted profile.
    """
    profile = stream.profile or ("high" if stream.b_frames else "baseline")
    tools = {
        "cabac": profile != "baseline",
        "8x8dct": profile == "high",
        "open-gop": stream.open_gop,
    }
    return {
        "sc_threshold": "0",
        "bf": str(stream.b_frames),
        "slices": str(stream.slices),
        "intra-refresh": str(int(stream.intra_refresh)),
        "x264-params": ":".join(f"{name}={int(used)}" for name, used in tools.items()),
    }


def _x265_options() -> dict[str, str]:
    """Returns libx265's options: no output on the terminal, one thread, and only IDR pictures as keyframes."""
    return {"x265-params": "log-level=none:info=0:pools=none:frame-threads=1:scenecut=0:open-gop=0"}

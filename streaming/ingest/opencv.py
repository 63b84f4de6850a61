"""Imports OpenCV as `cv2`, after setting the environment variables that configure OpenCV and its FFmpeg.

The other modules of this package import `cv2` from here only.
"""

import os

# FFmpeg's options, which OpenCV reads at each opening. FFmpeg connects to loopback only (camera_proxy.py). The lists allow
# only what cameras send: other demuxers render texts as pictures, and follow playlists to other addresses. These options
# replace OpenCV's own, so TCP is set again. With a small probe a camera opens in a tenth of the time.
OPTIONS = {
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
    "protocol_whitelist": "rtsp,rtp,tcp,http",
    "format_whitelist": "rtsp,mpjpeg,mjpeg,mpegts,flv,h264,hevc",
    "codec_whitelist": "h264,hevc,mjpeg,mpeg4",
    "http_proxy": "none",  # ignore the environment's proxy
    "max_redirects": "0",
    "probesize": "200000",
    "analyzeduration": "200000",
    "fpsprobesize": "0",
    "max_ts_probe": "0",
}
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "|".join(f"{name};{value}" for name, value in OPTIONS.items())
# Otherwise OpenCV opens one camera at a time, and a silent one blocks all others.
os.environ["OPENCV_FFMPEG_IS_THREAD_SAFE"] = "1"
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # INFO and below print addresses with passwords
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

cv2.setNumThreads(1)  # one thread per camera: at these sizes OpenCV's own pool is slower

__all__ = ["cv2"]

"""OpenCV, and what it reads from the environment, which has to be there before it is imported."""

import os

# Read at each opening. FFmpeg is given addresses on loopback only (camera_proxy.py), and takes from there what cameras
# send and nothing else: its other demuxers render texts as pictures and follow playlists to other addresses. Setting this
# replaces OpenCV's own options, so TCP is asked for again. Small probes open in a tenth of the time.
OPTIONS = {
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
    "protocol_whitelist": "rtsp,rtp,tcp,http",
    "format_whitelist": "rtsp,mpjpeg,mjpeg,mpegts,flv,h264,hevc",
    "codec_whitelist": "h264,hevc,mjpeg,mpeg4",
    "http_proxy": "none",  # whatever the environment names
    "max_redirects": "0",
    "probesize": "200000",
    "analyzeduration": "200000",
}
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "|".join(f"{name};{value}" for name, value in OPTIONS.items())
# Without it OpenCV opens one camera at a time in a process, and a silent one holds up all others.
os.environ["OPENCV_FFMPEG_IS_THREAD_SAFE"] = "1"
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # from INFO on it prints addresses with their passwords
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

cv2.setNumThreads(1)  # one camera, one thread: OpenCV's own pool costs more than it gives at these sizes

__all__ = ["cv2"]

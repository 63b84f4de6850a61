"""OpenCV, and what it reads from the environment, which has to be there before it is imported."""

import os

# Read at each opening. Only network protocols: by default a path, file:, concat: and their kind would open too. Setting
# it replaces OpenCV's own options, so TCP is asked for again. Small probes open in a tenth of the time.
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = (
    "rtsp_transport;tcp|protocol_whitelist;rtsp,rtsps,rtp,rtcp,udp,tcp,tls,http,https,httpproxy"
    "|probesize;200000|analyzeduration;200000"
)
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # from INFO on it prints addresses with their passwords
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

cv2.setNumThreads(1)  # one camera, one thread: OpenCV's own pool costs more than it gives at these sizes

__all__ = ["cv2"]

"""Recognizes the simulated cameras of `manage.py demo`. A file keeps their TCP port, so that their addresses are the
same after a restart.
"""

from collections.abc import Iterable

from django.conf import settings

from cameras.models import Camera

HOST = "127.0.0.1"


def kept_port() -> int:
    """Returns the TCP port of the simulated cameras in the last demonstration. 0: none is stored."""
    try:
        return int((settings.VAR_DIR / "demo-port").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def keep_port(port: int) -> None:
    (settings.VAR_DIR / "demo-port").write_text(str(port))


def shows_simulated(cameras: Iterable[Camera]) -> bool:
    """Returns whether any of `cameras` has the address of a simulated camera of the demonstration."""
    port = kept_port()
    return port > 0 and any(camera.stream_url.startswith(f"rtsp://{HOST}:{port}/") for camera in cameras)

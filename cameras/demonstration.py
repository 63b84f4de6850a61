"""The simulated cameras of a demonstration, which keep their port from one start to the next."""

from collections.abc import Iterable

from django.conf import settings

from cameras.models import Camera

HOST = "127.0.0.1"


def kept_port() -> int:
    """Returns the port of the last demonstration, 0: there was none."""
    try:
        return int((settings.VAR_DIR / "demo-port").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def keep_port(port: int) -> None:
    (settings.VAR_DIR / "demo-port").write_text(str(port))


def shows_simulated(cameras: Iterable[Camera]) -> bool:
    """Whether some of `cameras` are those of the demonstration."""
    port = kept_port()
    return port > 0 and any(camera.stream_url.startswith(f"rtsp://{HOST}:{port}/") for camera in cameras)

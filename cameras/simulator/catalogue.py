"""Creates the simulated cameras that `manage.py simulate`, `demo` and `cluster` run."""

from dataclasses import replace
from itertools import cycle

from .camera import SimulatedCamera

NAMES = ("Front door", "Car park", "Loading dock", "Garden")


SUBSTREAM_SIZE, SUBSTREAM_RATE = (640, 360), 400_000  # bits per second


def substream_of(camera: SimulatedCamera) -> SimulatedCamera:
    """Create the substream of a camera: another SimulatedCamera, with a smaller stream and "-sub" after its path.

    The caller adds it to a Simulator. The substream has 640x360 pixels and 400 kbit/s (not with MJPEG). A clip
    keeps its frame rate; a drawn scene has the camera's, but at most 15 frames/s. Other settings are the camera's,
    but `fault` is NONE. The substream may show another scene if the camera's `scene` and `file` are not set.
    """
    width, height = SUBSTREAM_SIZE
    return replace(
        camera,
        path=f"{camera.path}-sub",
        width=width,
        height=height,
        fps=min(camera.fps, 15),
        bit_rate=SUBSTREAM_RATE,
    )


def default_cameras(
    count: int,
    width: int = 0,
    height: int = 0,
    fps: int = 25,
    file: str | None = None,
    codec: str = "h264",
    transport: str = "rtsp",
) -> list[SimulatedCamera]:
    """Create `count` cameras with different names and paths. They show four drawn scenes in turn, or the clip `file`.

    `width` and `height` are pixels; 0 means 1280 and 720, or the clip's own. With a clip, both are 0 or neither is.
    `fps` (frames per second) applies to drawn scenes. `codec` and `transport` are those of SimulatedCamera, which
    raises ValueError for invalid settings.
    """
    names = [*NAMES, *(f"Camera {number}" for number in range(len(NAMES) + 1, count + 1))]
    scenes = cycle(slug(name) for name in NAMES)
    return [
        SimulatedCamera(name, slug(name), width, height, fps, file=file, scene=scene, codec=codec, transport=transport)
        for name, scene in zip(names[:count], scenes, strict=False)
    ]


def slug(name: str) -> str:
    return name.lower().replace(" ", "-")

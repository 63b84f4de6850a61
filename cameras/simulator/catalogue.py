"""The cameras of the demo."""

from itertools import cycle

from .camera import SimulatedCamera

NAMES = ("Front door", "Car park", "Loading dock", "Garden")


def default_cameras(
    count: int,
    width: int = 0,
    height: int = 0,
    fps: int = 25,
    file: str | None = None,
    codec: str = "h264",
    transport: str = "rtsp",
) -> list[SimulatedCamera]:
    """Create `count` cameras with different names and paths. The first four have names of places."""
    names = [*NAMES, *(f"Camera {number}" for number in range(len(NAMES) + 1, count + 1))]
    scenes = cycle(slug(name) for name in NAMES)
    return [
        SimulatedCamera(name, slug(name), width, height, fps, file=file, scene=scene, codec=codec, transport=transport)
        for name, scene in zip(names[:count], scenes, strict=False)
    ]


def slug(name: str) -> str:
    return name.lower().replace(" ", "-")

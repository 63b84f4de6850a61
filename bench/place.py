"""An installation to measure: simulated cameras, a database, and a worker under Daphne or another server."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.cameras import Cameras
from bench.clients import Watch
from bench.meter import Meter
from cameras.simulator import SimulatedCamera
from tests.client import Session
from tests.databases import make_template
from tests.servers import Process, Site, Worker, free_port, site

MANY = "100000"
MODULE = "nvr.asgi:application"


@dataclass
class Place:
    """An installation of the product in a folder of its own, and the simulated cameras that are in its database."""

    site: Site
    cameras: Cameras
    ids: list[str]  # in the order of `cameras`

    @property
    def urls(self) -> list[str]:
        return self.cameras.urls

    @contextmanager
    def worker(self, server: str = "daphne", application: str = MODULE) -> Iterator["Serving"]:
        """Run one worker during the block. Unless the settings name a Redis, it has an embedded one of its own,
        which ends with it. `server`: a key of FLAGS. `application`: the ASGI application, "module:name". With the
        product, the block begins when the worker is ready. With another application, it begins at once, without a
        log-in.
        """
        worker = AnyWorker(server, application, self.site)
        try:
            if application == MODULE:
                worker.wait_until_ready()
                yield Serving(self, worker, Session(worker.base).cookie)
            else:
                yield Serving(self, worker, "")
        finally:
            worker.process.end()


@dataclass
class Serving:
    """A worker that runs, and the session cookie of a user who may watch; "" if the worker runs another application."""

    place: Place
    worker: Worker
    cookie: str

    @property
    def meter(self) -> Meter:
        return Meter(self.worker.process.popen.pid)

    def watch(self, quality: str, camera: int = 0, *, keeps: bool = False) -> Watch:
        """Returns the request of a viewer that plays H.264 and JPEG. `camera`: its index. `keeps`: the viewer stores
        all messages.
        """
        path = f"/api/v1/cameras/{self.place.ids[camera]}/stream?quality={quality}&formats=jpeg,h264"
        return Watch(self.worker.base, path, self.cookie, keeps=keeps)


class AnyWorker(Worker):
    """A worker process under the ASGI server `server`, a key of FLAGS."""

    def __init__(self, server: str, application: str, site: Site) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", server, *FLAGS[server], str(self.port), application]
        self.process = Process(command, site.environment, site.folder / f"{server}-{self.port}.log")


FLAGS = {  # the last flag takes the port
    "daphne": ["-b", "127.0.0.1", "-p"],
    "uvicorn": ["--host", "127.0.0.1", "--log-level", "warning", "--lifespan", "off", "--port"],
    "granian": ["--interface", "asginl", "--host", "127.0.0.1", "--log-level", "warning", "--port"],
}


@contextmanager
def place(*cameras: SimulatedCamera, **settings: str) -> Iterator[Place]:
    """Run `cameras`, and install the product for them, practically without limits on streams, until the block ends.
    It runs no worker yet: `Place.worker` does. `settings`: environment variables of the product, except those limits.
    """
    with tempfile.TemporaryDirectory(prefix="nvr-bench-") as name:
        (folder := Path(name, "site")).mkdir()
        (template := Path(name, "template")).mkdir()
        limits = {"STREAM_MAX_CONCURRENT": MANY, "STREAM_MAX_PER_USER": MANY, "STREAM_MAX_PER_ADDRESS": MANY}
        with Cameras(*cameras) as on_air, site(folder, make_template(template), **limits, **settings) as installation:
            ids = [installation.add_camera(camera.name, url) for camera, url in zip(cameras, on_air.urls, strict=True)]
            yield Place(installation, on_air, ids)

"""The same application under Daphne, uvicorn and granian: CPU per delivered frame.

    .venv/bin/python -m bench.servers --viewers 40

Each server runs the product, and after it an application that only sends messages of the same size and rate
(`bench/bare.py`). Then each server is stopped while a viewer watches, because the product is built for Daphne. Needs
the packages of requirements-bench.txt.
"""

import asyncio
import importlib.util
import itertools
import signal
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import redis

from bench.cameras import camera
from bench.clients import StreamClient, Watch
from bench.pictures import drawn_at
from bench.place import FLAGS, Place, Serving, place
from bench.results import NotInstalledError, Results, Row, arguments
from bench.viewers import cost, figures, watched
from streaming.gate.readings import open_generation
from streaming.store.keys import SERVER_SET
from tests.servers import RedisServer, wait_until

SHAPES = {"original": (10_000, 25.0), "medium": (82_000, 10.0)}  # bytes and messages/s, for the bare application
EXIT_TIMEOUT = 15.0  # seconds from SIGTERM to the end of a server
BARE = "bench.bare:application"


def product(place: Place, server: str, quality: str, viewers: int, seconds: float) -> Row:
    """Measure the product under an ASGI server (a key of FLAGS) with viewers of one camera. Returns the row of
    figures.
    """
    with place.worker(server) as serving:
        watches = [serving.watch(quality, keeps=number == 0) for number in range(viewers)]
        window, records = watched(watches, serving.meter, seconds)
        memory = serving.meter.memory()
    return {**figures(records, window, drawn_at(records[0].kept)), "memory_mb": memory}


def bare(place: Place, server: str, quality: str, viewers: int, seconds: float) -> Row:
    """Measure an application that only sends messages of the size and rate that the product's have at `quality`.
    Returns the row of costs.
    """
    size, rate = SHAPES[quality]
    with place.worker(server, BARE) as serving:
        wait_until(lambda: serving.worker.status("/") == 200, 15, f"{server} answers")
        path = f"/?bytes={size}&rate={rate:g}"
        watches = [Watch(serving.worker.base, path, kind="relay") for _ in range(viewers)]
        window, records = watched(watches, serving.meter, seconds)
    delivered = sum(len(record.between(window.started, window.ended)) for record in records)
    return cost(window, delivered, viewers)


def stopping(server: str, times: int, results: Results) -> None:
    """Send SIGTERM to a worker while a viewer watches, `times` times: is the viewer told, is their slot (lease)
    released, how soon does the process end? Adds a row to `results`.
    """
    heard, gone, left = list[str](), list[float](), 0
    # This Redis outlives the worker, so it tells which slots the worker left behind.
    with TemporaryDirectory(prefix="nvr-bench-") as name, RedisServer(Path(name)) as store:
        open_generation(store.url, 0)
        with place(camera(), REDIS_URL=store.url) as installation, redis.Redis.from_url(store.url) as client:
            for _ in range(times):
                with installation.worker(server) as serving:
                    reason, seconds = asyncio.run(_stop(serving))
                heard.append(reason)
                gone.append(seconds)
                left += int(str(client.zcard(SERVER_SET)))
                client.delete(SERVER_SET)
    results.add(
        server=server,
        application="product, stopped",
        stops=times,
        viewers_told=heard.count("draining"),
        otherwise=", ".join(sorted(set(heard) - {"draining"})),
        slots_left=left,
        gone_after_s=max(gone),
    )


async def _stop(serving: Serving) -> tuple[str, float]:
    """Send SIGTERM to the worker while a viewer watches. Returns the reason that the viewer gets, and the seconds
    until the process ends. Raises TimeoutError if the viewer's connection does not end in time, and TimeoutExpired
    if the process does not.
    """
    viewer = await (await StreamClient(serving.watch("original")).open()).picture()
    process, started = serving.worker.process, time.monotonic()
    process.signal(signal.SIGTERM)
    async with asyncio.timeout(EXIT_TIMEOUT):
        await viewer.gone.wait()
    await asyncio.to_thread(process.wait, EXIT_TIMEOUT)
    return viewer.record.ended, time.monotonic() - started


CARRIED = {"product": product, "bare": bare}


def main() -> None:
    parser = arguments(__doc__, seconds=8)
    parser.add_argument("--viewers", type=int, default=40)
    parser.add_argument("--servers", nargs="+", choices=FLAGS, default=list(FLAGS))
    parser.add_argument("--stops", type=int, default=5)
    options = parser.parse_args()
    with Results("servers", options.results) as results:
        with place(camera()) as installation:
            for server, quality, name in itertools.product(options.servers, SHAPES, CARRIED):
                with results.attempt(f"{server}, {name}, {quality}"):
                    _check_installed(server)
                    row = CARRIED[name](installation, server, quality, options.viewers, options.seconds)
                    results.add(server=server, application=name, quality=quality, viewers=options.viewers, **row)
        for server in options.servers:
            with results.attempt(f"{server}, stopped"):
                _check_installed(server)
                stopping(server, options.stops, results)


def _check_installed(server: str) -> None:
    if not importlib.util.find_spec(server):
        raise NotInstalledError(f"{server} is not installed (pip install --require-hashes -r requirements-bench.lock)")


if __name__ == "__main__":
    main()

"""The wait for the first picture: of a camera that runs, and of a camera without viewers.

    .venv/bin/python -m bench.first_picture --repetitions 12

A wait starts when the viewer opens its connection. It contains TCP, handshake, the check of the session, admission
and the opening of a cold camera (one without viewers). It ends when the first picture arrives that the player would
show: not one of the backlog (the GOP so far), which the player only decodes. Each of these waits is measured at the
qualities `original` and `medium`, the warm ones twice as often as the others:

- warm: another viewer watches the camera at the same quality;
- warm, other quality: another viewer watches the camera at the other quality;
- cold, key at once: the camera has no viewer and begins with a keyframe;
- cold, key each second: the camera has no viewer at this worker, and sends keyframes once a second.

The same run also measures how long a late viewer would wait for the next keyframe if it were not sent the current
GOP, and how long OpenCV alone takes to open the cold cameras and to read once.
"""

import asyncio
import itertools
import random
import time
from collections import defaultdict
from contextlib import ExitStack

from bench.cameras import camera
from bench.clients import StreamClient
from bench.place import Serving, place
from bench.readers import reading
from bench.results import Results, arguments, p50_p95
from cameras.sources import CameraSource
from streaming import conf
from streaming.ingest.frames import Flag
from streaming.ingest.reader import Allowance, Reader

QUALITIES = ("original", "medium")
ALONE = "OpenCV alone"
COLD = {"key at once": True, "key each second": False}
SPREAD = 1.0  # seconds, at most, between two late viewers: they come at any point of a GOP
KEY_WITHIN = 5.0  # seconds
RUNNING = 0  # number of the camera of the warm waits


async def warm(serving: Serving, repetitions: int, results: Results) -> None:
    """Measure the wait at a camera that another viewer watches already, for each pair of qualities of the two, and a
    late viewer's wait for the next keyframe. Adds rows to `results`.
    """
    for watched, asked in itertools.product(QUALITIES, repeat=2):
        holder = await StreamClient(serving.watch(watched, RUNNING)).open()
        await holder.picture()
        waits, keys = [], []
        for _ in range(repetitions):
            await asyncio.sleep(random.uniform(0, SPREAD))  # noqa: S311 - no secret
            viewer = await (await StreamClient(serving.watch(asked, RUNNING)).open()).picture()
            waits.append((viewer.record.first - viewer.record.opened) * 1000)
            if watched == asked == "original":
                keys.append(await _wait_for_key(viewer))
            await viewer.close()
        await holder.close()
        how = "warm" if watched == asked else "warm, other quality"
        results.add(what=how, quality=asked, repetitions=repetitions, **p50_p95("ms", waits), all=_rounded(waits))
        if keys:
            results.add(
                what="next key", quality=asked, repetitions=len(keys), **p50_p95("ms", keys), all=_rounded(keys)
            )


async def _wait_for_key(viewer: StreamClient) -> float:
    """Returns the milliseconds from the viewer's opening to the first keyframe that is live, not from the GOP so far,
    which each new viewer is sent. Raises TimeoutError after `KEY_WITHIN` seconds.
    """
    async with asyncio.timeout(KEY_WITHIN):
        while not (keys := [arrival for arrival in viewer.record.arrivals if _is_live_key(arrival.flags)]):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # rounds nothing: the arrival has a time of its own
    return (keys[0].at - viewer.record.opened) * 1000


def _is_live_key(flags: int) -> bool:
    return bool(flags & Flag.KEY and not flags & Flag.BACKLOG)


async def cold(serving: Serving, repetitions: int, results: Results) -> None:
    """Measure the wait at cameras without viewers, `repetitions` times for each, and OpenCV's own. Adds rows to
    `results`. Each opening first waits until the worker has closed the camera after the previous one. The cameras, two
    of them read by OpenCV alone, take turns, so that other load on the machine affects them equally.
    """
    waits, free_at = defaultdict[tuple[str, str], list[float]](list), defaultdict[int, float](float)
    turns = list(enumerate(itertools.product(COLD, (*QUALITIES, ALONE)), start=RUNNING + 1))
    for _ in range(repetitions):
        for number, (key, quality) in turns:
            await asyncio.sleep(max(0.0, free_at[number] - time.monotonic()) + random.uniform(0, SPREAD))  # noqa: S311
            if quality == ALONE:
                wait = await asyncio.to_thread(opencv_alone, serving.place.urls[number])
            else:
                viewer = await (await StreamClient(serving.watch(quality, number)).open()).picture()
                wait = viewer.record.first - viewer.record.opened
                await viewer.close()
                free_at[number] = time.monotonic() + conf.LINGER + 1
            waits[key, quality].append(wait * 1000)
    for (key, quality), measured in waits.items():
        row = {**p50_p95("ms", measured), "all": _rounded(measured), "repetitions": repetitions}
        if quality == ALONE:
            results.add(what=f"{ALONE}, {key}", **row)
        else:
            results.add(what=f"cold, {key}", quality=quality, **row)


def opencv_alone(url: str) -> float:
    """Returns the seconds to open the camera at `url` and to read once with the product's Reader (OpenCV behind
    a proxy), without a worker."""
    started = time.monotonic()
    reader = Reader(CameraSource(url), Allowance(5, 5))
    try:
        reader.read()
        return time.monotonic() - started
    finally:
        reader.close()


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 1) for value in values]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--repetitions", type=int, default=12, help="of the cold ones; twice that of the warm")
    options = parser.parse_args()
    shapes = [camera("warm")]
    for key, quality in itertools.product(COLD, (*QUALITIES, "alone")):
        shapes.append(camera(f"cold-{len(shapes)}-{quality}", idr_on_play=COLD[key]))
    with Results("first_picture", options.results) as results, place(*shapes) as installation:
        with results.attempt("warm"), installation.worker() as serving:
            asyncio.run(warm(serving, options.repetitions * 2, results))
        with results.attempt("cold"), installation.worker() as serving, ExitStack() as stack:
            for shape, url in zip(shapes, installation.urls, strict=True):
                if not shape.idr_on_play:  # a simulated camera, unlike a real one, rests without viewers
                    output = installation.site.folder / f"{shape.path}.txt"
                    stack.enter_context(reading("opencv", url, output))
            asyncio.run(cold(serving, options.repetitions, results))


if __name__ == "__main__":
    main()

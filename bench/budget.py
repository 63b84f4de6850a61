"""Does the sent bandwidth stay under the budget, while more viewers try than the budget admits?

    .venv/bin/python -m bench.budget --viewers 30 --mbps 20

Two workers, one camera, and viewers at `low`, `medium` and `original` at both workers. The viewers come one after
the other and stay. Then all of them ask for `high`. Prints the largest rate that the page *System* shows, and the
largest rate at the viewers over five seconds, Mbit/s.
"""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bench.cameras import Cameras, camera
from bench.results import Results, arguments
from tests.client import Session, Stream
from tests.databases import make_template
from tests.servers import Site, site

WINDOW = 5.0  # seconds over which a rate is measured, as on the page
QUALITIES = ("low", "medium", "original", "medium")
FORMATS = "formats=jpeg,h264"


class Arrivals(Stream):
    """A viewer that counts the bytes of the pictures that arrive."""

    received = 0

    async def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.received += len(message)
        await super()._take(message)


class Rates:
    """The rates of all streams together, Mbit/s: `shown` by the page *System*, `arrived` at the viewers in
    `streams`. `sample` adds to both until it is cancelled.
    """

    def __init__(self, admin: Session) -> None:
        self._admin = admin
        self.streams: list[Arrivals] = []
        self.shown, self.arrived = [0.0], [0.0]

    async def sample(self) -> None:
        before, at = 0, time.monotonic()
        while True:
            await asyncio.sleep(0.5)
            usage = await asyncio.to_thread(self._admin.json, "/admin/streaming/system/usage/")
            self.shown.append(float(usage["gate"]["mbps"]))
            if (now := time.monotonic()) - at >= WINDOW:
                total = sum(stream.received for stream in self.streams)
                self.arrived.append((total - before) * 8 / 1e6 / (now - at))
                before, at = total, now


async def watch(installation: Site, id: str, viewers: int, seconds: float, mbps: float, results: Results) -> None:
    """Open the viewers one after the other, let all ask for a better quality, and sample the rates for `seconds` more.
    Adds a row to `results`. `id`: of the camera; `mbps`: the budget.
    """
    workers = installation.workers
    session, rates = Session(workers[0].base), Rates(Session(workers[0].base, "admin"))
    sessions, streams = [session.at(worker.base) for worker in workers], rates.streams
    async with AsyncExitStack() as stack:
        sampling = asyncio.create_task(rates.sample())
        for number in range(viewers):
            query = f"?quality={QUALITIES[number // 2 % len(QUALITIES)]}&{FORMATS}"
            stream = await stack.enter_async_context(Arrivals(sessions[number % 2], id, query))
            streams.append(stream)
            await stream.until(lambda stream: stream.count > 0 or stream.close_code is not None)
            await asyncio.sleep(0.3)
        for stream in streams:
            await stream.send({"type": "quality_change", "quality": "high"})
        await asyncio.sleep(seconds)
        sampling.cancel()
        inside = [stream for stream in streams if stream.close_code is None]
        kept = sum("reason" in stream.last("quality_changed") for stream in inside)
    results.add(
        viewers=viewers,
        admitted=len(inside),
        refused=[stream.close_code for stream in streams].count(4429),
        kept_their_quality=kept,
        budget_mbps=mbps,
        most_shown_mbps=max(rates.shown),
        most_arrived_mbps=max(rates.arrived),
        holds=max(*rates.shown, *rates.arrived) <= mbps,
    )


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--viewers", type=int, default=30)
    parser.add_argument("--mbps", type=float, default=20)
    parser.set_defaults(seconds=20)  # after all have tried
    options = parser.parse_args()
    with (
        Results("budget", options.results) as results,
        tempfile.TemporaryDirectory(prefix="nvr-bench-") as name,
        Cameras(camera()) as on_air,
    ):
        (folder := Path(name, "site")).mkdir()
        (template := Path(name, "template")).mkdir()
        limits = {"STREAM_MAX_CONCURRENT": "1000", "STREAM_MAX_MBPS": str(options.mbps)}
        with site(folder, make_template(template), **limits) as installation, results.attempt("a budget"):
            for _ in range(2):
                installation.start_worker()
            id = installation.add_camera("Yard", on_air.urls[0])
            asyncio.run(watch(installation, id, options.viewers, options.seconds, options.mbps, results))


if __name__ == "__main__":
    main()

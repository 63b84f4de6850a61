"""A flood of failing log-ins through nginx, as the product ships it: what do other users notice?

    .venv/bin/python -m bench.logins              # a minute from one address, then a minute from thirty

Streams run before and during each flood, and a user opens pages during it. Exit code 1 if streams lose more than a
tenth of their frames, a page fails, or a log-in succeeds, is not answered, or gets 500, 502 or 504.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
import urllib.error
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.cameras import SMALL, start_cameras
from tests.client import Session, Stream
from tests.cluster import Cluster
from tests.databases import make_template
from tests.servers import ROOT, site

CLIENTS = 30
STREAMS = 4
KEPT = 0.9  # of the frames a second before the flood
PAGES = ("/", "/readyz", "/accounts/login/", "/static/streaming/engine/viewer.js")


@dataclass
class Figures:
    """The effect of a flood of failing log-ins on other users, and the answers to these log-ins."""

    before: float = 0.0  # frames a second of all streams
    during: float = 0.0
    pages: Counter[int] = field(default_factory=Counter)  # status (0: no answer) -> how often
    slowest: float = 0.0  # seconds for a page
    attempts: Counter[int] = field(default_factory=Counter)  # status of the flood's log-ins -> how often

    def broken(self, kept: float = KEPT) -> list[str]:
        """Returns the promises (what must hold) that were not kept. `kept`: the share of their frames that streams must
        keep.
        """
        promises = {
            f"running streams keep {kept:.0%} of their frames": self.during >= kept * self.before,
            "every page is answered with 200": set(self.pages) == {200},
            "no log-in succeeds": 302 not in self.attempts,
            "no log-in gets 0, 500, 502 or 504": not {0, 500, 502, 504} & set(self.attempts),
        }
        return [promise for promise, kept in promises.items() if not kept]

    def __str__(self) -> str:
        return (
            f"{self.before:.1f} frames/s before, {self.during:.1f} during ({self.during / self.before:.0%}); pages "
            f"{dict(self.pages)}, the slowest {self.slowest:.2f} s; log-ins {dict(self.attempts)}"
        )


async def measure(cluster: Cluster, cameras: list[str], seconds: float, addresses: int) -> Figures:
    """Watch `cameras` (ids) for half of `seconds`. Then watch and open pages for `seconds`, beside a flood of failing
    log-ins from `addresses` client addresses. Returns what was measured. Raises AssertionError if a stream ends.
    """
    figures, session = Figures(), Session(cluster.base)
    async with AsyncExitStack() as stack:
        streams = [
            await (await stack.enter_async_context(Stream(session, cameras[number % len(cameras)]))).live()
            for number in range(STREAMS)
        ]
        await asyncio.sleep(2)  # the first pictures come in a burst
        figures.before = await _rate(streams, seconds / 2)
        pages = asyncio.create_task(_open_pages(session, figures))
        command = ["-m", "tests.logins", *map(str, (cluster.port, round(seconds), CLIENTS, addresses))]
        flood = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        figures.during = await _rate(streams, seconds)
        output, _ = await flood.communicate()
        pages.cancel()
        figures.attempts = Counter({int(status): count for status, count in json.loads(output).items()})
        assert all(stream.close_code is None for stream in streams), [stream.messages for stream in streams]
    return figures


async def _rate(streams: list[Stream], seconds: float) -> float:
    started, counts = time.monotonic(), [stream.count for stream in streams]
    await asyncio.sleep(seconds)
    received = sum(stream.count for stream in streams) - sum(counts)
    return received / (time.monotonic() - started)


async def _open_pages(session: Session, figures: Figures) -> None:
    while True:
        for path in PAGES:
            started = time.monotonic()
            try:
                status, _ = await asyncio.to_thread(session.get, path)
            except (urllib.error.URLError, TimeoutError):
                status = 0
            figures.pages[status] += 1
            figures.slowest = max(figures.slowest, time.monotonic() - started)
            await asyncio.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="of each flood (default 60)")
    parser.add_argument(
        "--addresses", type=int, nargs="+", default=[1, CLIENTS], help="number of addresses of each flood"
    )
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    broken = []
    for addresses in options.addresses:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nvr-")))
            for part in ("s", "template"):
                (folder / part).mkdir()
            installation = stack.enter_context(site(folder / "s", make_template(folder / "template")))
            urls, _ = start_cameras(stack, folder, installation.environment, 2, *SMALL)
            cameras = [installation.add_camera(f"Camera {number}", url) for number, url in enumerate(urls)]
            cluster = Cluster(installation, options.workers)
            stack.callback(cluster.process.end)
            figures = asyncio.run(measure(cluster, cameras, options.seconds, addresses))
        print(f"{CLIENTS} clients from {addresses} addresses, {options.seconds:g} s: {figures}", flush=True)
        broken += [f"{promise} ({addresses} addresses)" for promise in figures.broken()]
    if broken:
        sys.exit("Not kept: " + "; ".join(broken))


if __name__ == "__main__":
    main()

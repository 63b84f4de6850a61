"""Measures the load of 1,000 workers with 100 viewers each on one Redis. Makes their calls, without sockets.

    .venv/bin/python -m bench.scale --workers 1000 --viewers 100

The workers' calls go through the product's own classes, one worker after the other: reports of their streams,
renewals of the viewers' leases, and readings of the slots in use and of the cameras' states. Meanwhile Redis's
scripts read a clock that this program sets. So for them a round of all workers lasts the usual interval between two
such calls. The figure is the processor time of Redis (user and system, by the kernel's accounting). Each worker
watches 32 of the cameras, and each viewing sends at another rate each second. The readings are as frequent as a
worker's cache allows, as if a page always asked. Then admissions are timed, one by one and in a rush of new
viewers. Everything is measured without and with a bandwidth budget. Exit code 1 if a figure exceeds its bound in
`bench.scale_figures` (`MOST`, `SLOWER`, `IN_TIME`), or a viewer of the rush is not admitted.
"""

import asyncio
import gc
import os
import tempfile
from pathlib import Path

import django

from bench.results import Results, arguments
from tests.servers import RedisServer, environment_of


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--viewers", type=int, default=100, help="of each worker")
    parser.add_argument("--cameras", type=int, default=1_000, help="that all workers watch together")
    parser.add_argument("--rounds", type=int, default=1_000, help="admissions that are timed")
    options = parser.parse_args()
    with (
        Results("scale", options.results) as results,
        tempfile.TemporaryDirectory(prefix="nvr-bench-") as name,
        RedisServer(Path(name)) as server,
    ):
        os.environ.update(environment_of(Path(name), REDIS_URL=server.url))
        django.setup()
        from bench.scale_figures import measure

        gc.disable()  # a collection of the objects of 100,000 viewings stops this program for longer than Redis may take
        asyncio.run(measure(server, options, results))


if __name__ == "__main__":
    main()

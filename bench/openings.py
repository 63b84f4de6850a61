"""Is FFmpeg stable when many cameras are opened at once, without OpenCV's own lock?

    .venv/bin/python -m bench.openings --openings 1000 --threads 16

`streaming.ingest.reader.Reader` opens, reads and closes cameras over RTSP, RTSPS and HTTP in a process of its own. The
cameras answer, refuse, have another path, drop the connection or stay silent. Exit code 1 if that process crashes, or
if a healthy camera cannot be read.
"""

import argparse
import asyncio
import faulthandler
import json
import os
import random
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from cameras.simulator import SimulatedCamera, Simulator
from cameras.simulator.server.loop_thread import LoopThread
from cameras.sources import CameraSource
from streaming.ingest.reader import Allowance, CaptureError, Reader
from tests.certificates import make_certificate
from tests.servers import ROOT, free_port

TIMEOUTS = Allowance(open_timeout=10.0, read_timeout=5.0)  # seconds
SHORT = Allowance(open_timeout=0.5, read_timeout=0.5)  # for cameras that stay silent
SHARES = {"well": 4, "refused": 1, "other path": 1, "dropped": 3, "silent": 2}  # how often each kind is opened
MOST_READS = 8


@contextmanager
def cameras(folder: Path) -> Iterator[dict[str, str]]:
    """Run cameras that answer, refuse, do not have the path of the address, drop the connection or stay silent. Yields
    kind and scheme, such as "dropped rtsps" -> address. `folder`: for a TLS certificate.
    """
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(*make_certificate(folder))
    loop = LoopThread("relays")
    with Simulator(port=0) as simulator:
        for transport in ("rtsp", "http"):
            simulator.add(
                SimulatedCamera(name=transport, path=transport, transport=transport, width=320, height=240, fps=25)
            )

        def relay(kind: str, tls: bool) -> int:
            return loop.run(_relay(simulator.port, kind, secure if tls else None))

        addresses: dict[str, str] = {}
        for scheme, path in (("rtsp", "rtsp"), ("http", "http"), ("rtsps", "rtsp")):
            well = relay("well", scheme == "rtsps")
            addresses |= {
                f"well {scheme}": f"{scheme}://127.0.0.1:{well}/{path}",
                f"other path {scheme}": f"{scheme}://127.0.0.1:{well}/nothing",
                f"refused {scheme}": f"{scheme}://127.0.0.1:{free_port()}/{path}",
                f"dropped {scheme}": f"{scheme}://127.0.0.1:{relay('dropped', scheme == 'rtsps')}/{path}",
                f"silent {scheme}": f"{scheme}://127.0.0.1:{relay('silent', False)}/{path}",
            }
        yield addresses
    loop.run(_end_all())
    loop.close()


async def _end_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _relay(port: int, kind: str, secure: ssl.SSLContext | None) -> int:
    """Start a server that forwards to `port` (`kind` "well"), drops the connection after some bytes ("dropped"), or
    stays silent ("silent"). `secure`: for TLS, or None. Returns the port to connect to.
    """
    chance = random.Random(kind)  # noqa: S311 - has to repeat

    async def serve(theirs: asyncio.StreamReader, to_them: asyncio.StreamWriter) -> None:
        left = chance.choice((200, 600, 1_000, 5_000, 40_000)) if kind == "dropped" else sys.maxsize
        with suppress(OSError):
            if kind == "silent":
                await theirs.read()  # until they hang up
                return
            ours, to_us = await asyncio.open_connection("127.0.0.1", port)
            ways = [_hand_on(theirs, to_us, sys.maxsize), _hand_on(ours, to_them, left)]
            tasks = [asyncio.create_task(way) for way in ways]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                to_us.transport.abort()
                to_them.transport.abort()
                await asyncio.gather(*tasks)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=secure)
    return int(server.sockets[0].getsockname()[1])


async def _hand_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, left: int) -> None:
    with suppress(OSError):
        while left > 0 and (data := await source.read(min(65_536, left))):
            left -= len(data)
            target.write(data)
            await target.drain()


def open_all(addresses: dict[str, str], openings: int, threads: int) -> None:
    """Open cameras of random kinds, on so many threads, in this process, which may crash. Prints the figures as JSON.
    `addresses`: kind and scheme -> address.
    """
    faulthandler.enable()
    chance = random.Random(0)  # noqa: S311 - has to repeat
    kinds = list(addresses)
    weights = [SHARES[kind.rpartition(" ")[0]] for kind in kinds]
    chosen = chance.choices(kinds, weights, k=openings)
    reads = [chance.randrange(MOST_READS) for _ in chosen]
    started = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        ended = list(pool.map(lambda kind, count: _open(kind, addresses[kind], count), chosen, reads))
    seconds = time.monotonic() - started
    counts = Counter(f"{kind}: {what}" for kind, (what, _) in zip(chosen, ended, strict=True))
    slowest = max((s for kind, (_, s) in zip(chosen, ended, strict=True) if kind.startswith("well")), default=0.0)
    print(json.dumps({"seconds": seconds, "slowest": slowest, "counts": counts}))


def _open(kind: str, address: str, reads: int) -> tuple[str, float]:
    """Open a camera and read `reads` times. Returns "read", "lost" or "not opened", and the seconds that the opening
    took.
    """
    started = time.monotonic()
    try:
        reader = Reader(CameraSource(address), SHORT if kind.startswith("silent") else TIMEOUTS)
    except CaptureError:
        return "not opened", time.monotonic() - started
    opened = time.monotonic() - started
    try:
        for _ in range(reads):
            reader.read()
    except CaptureError:
        return "lost", opened
    finally:
        reader.close()
    return "read", opened


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--openings", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--locked", action="store_true", help="with OpenCV's own lock, to compare")
    parser.add_argument("--addresses", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.addresses:
        open_all(json.loads(options.addresses), options.openings, options.threads)
        return
    environment = dict(os.environ, OPENCV_FFMPEG_IS_THREAD_SAFE="0" if options.locked else "1")
    command = [sys.executable, "-m", "bench.openings", "--openings", str(options.openings)]
    with tempfile.TemporaryDirectory(prefix="nvr-openings-") as name, cameras(Path(name)) as addresses:
        command += ["--threads", str(options.threads), "--addresses", json.dumps(addresses)]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    print(f"{options.openings} openings on {options.threads} threads: exit code {done.returncode}")
    if done.returncode:
        sys.exit(1)
    figures = json.loads(done.stdout)
    print(f"  {figures['seconds']:.1f} s; slowest opening of a healthy camera {figures['slowest']:.2f} s")
    for what, times in sorted(figures["counts"].items()):
        print(f"  {what:<30} {times}")
    failed = [what for what in figures["counts"] if what.startswith("well") and not what.endswith(": read")]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

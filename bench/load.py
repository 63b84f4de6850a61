"""Many viewers at once: does everyone get pictures, is everyone answered, do refusals cost the streams that run?

    .venv/bin/python -m bench.load --scenario many --minutes 5

Three scenarios, each with its figures and its promises; exit code 1 if one is broken. Workers, cameras, nginx (where it is
installed) and Redis run on this machine, each in a process of its own, so each also says whether the machine was full.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import redis

from bench.clients import masked, take_frame
from bench.meter import FULL
from streaming.store.keys import SERVER_SET
from tests.client import HEADER, Session
from tests.servers import Process, RedisServer, Site, Worker, free_port, make_template, site, wait_until

LONGEST_GAP = 3.0  # seconds without a picture
FAIR = 0.8  # of the median viewer's rate
COUNT = "local t = redis.call('TIME') return redis.call('ZCOUNT', KEYS[1], '(' .. t[1] * 1000 + t[2] / 1000, '+inf')"


class Viewer(asyncio.Protocol):
    """A viewer that looks at each frame's header only: some ten microseconds per frame."""

    def __init__(self, session: Session, camera: str, quality: str = "low") -> None:
        self._session, self._path = session, f"/api/v1/cameras/{camera}/stream?quality={quality}"
        self._buffer = bytearray()
        self._upgraded = False
        self._transport: asyncio.Transport | None = None
        self.opened = self.answered_at = self.last_frame = 0.0
        self.frames, self.longest_gap = 0, 0.0
        self.is_live, self.close_code, self.reason = False, 0, ""
        self.answered, self.first_frame, self.closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def open(self) -> "Viewer":
        self.opened = time.monotonic()
        place = urlsplit(self._session.base)
        await asyncio.get_running_loop().create_connection(lambda: self, place.hostname or "", place.port or 80)
        return self

    async def leave(self) -> None:
        if self._transport is not None and not self.closed.is_set():
            self._send(8, struct.pack("!H", 1000))
            await self.closed.wait()

    def count_from_now(self) -> None:
        self.frames, self.longest_gap, self.last_frame = 0, 0.0, time.monotonic()

    # The protocol's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, base = transport, self._session.base
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {urlsplit(base).netloc}\r\nOrigin: {base}\r\n"
            f"Cookie: {self._session.cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self.close_code and not self.reason:
            when = "stream" if self._upgraded else "handshake"
            self.reason = f"{type(error).__name__ if error else 'end'} in the {when}"
        self._answer()
        self.first_frame.set()
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self._upgraded, self._buffer = True, rest
            if not head.startswith(b"HTTP/1.1 101"):
                self.reason = head[:40].decode("latin-1")
                self._hang_up()
                return
        while self._take():
            pass

    def _take(self) -> bool:
        frame = take_frame(self._buffer, whole=False)
        if frame is not None:
            self._handle(*frame[:2])
        return frame is not None

    def _handle(self, opcode: int, payload: bytes) -> None:
        if opcode == 2:
            self._frame(HEADER.unpack_from(payload)[4])
        elif opcode == 1:
            self._message(json.loads(payload))
        elif opcode == 9:
            self._send(10, payload)
        elif opcode == 8:
            self.close_code = int.from_bytes(payload[:2])
            self._send(8, payload[:2])
            self._hang_up()

    def _frame(self, sequence: int) -> None:
        now = time.monotonic()
        self.longest_gap = max(self.longest_gap, now - self.last_frame if self.last_frame else 0)
        self.last_frame = now
        self.frames += 1
        self.first_frame.set()
        self._send(1, b'{"type":"ack","seq":%d}' % sequence)

    def _message(self, message: dict[str, Any]) -> None:
        if message["type"] == "info":
            self.is_live = True
            self._answer()
        elif message["type"] == "error":
            self.reason = message["reason"]

    def _answer(self) -> None:
        self.answered_at = self.answered_at or time.monotonic()
        self.answered.set()

    def _send(self, opcode: int, payload: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(masked(opcode, payload))

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()


@dataclass
class Outcome:
    """The promises of a scenario, and whether each was kept."""

    broken: int = 0

    def promise(self, what: str, kept: bool, figure: str) -> None:
        self.broken += not kept
        print(f"  {'kept  ' if kept else 'BROKEN'}  {what:<52} {figure}", flush=True)


@dataclass
class Place:
    """The installation under load: where viewers enter, and which processes serve them."""

    site: Site
    redis: RedisServer
    base: str
    workers: list[Worker]
    cameras: list[str]
    programs: dict[str, list[int]] = field(default_factory=dict)  # name -> process ids

    def slots(self) -> int:
        with redis.Redis.from_url(self.redis.url) as client:
            return int(client.eval(COUNT, 1, SERVER_SET))

    def memory(self) -> list[float]:
        """Megabytes of each worker."""
        return [psutil.Process(worker.process.popen.pid).memory_info().rss / 1e6 for worker in self.workers]


class Meter:
    """Who used the processors between `start` and `report`."""

    def __init__(self, place: Place) -> None:
        self._programs = {**place.programs, "this load generator": [os.getpid()]}

    def start(self) -> None:
        psutil.cpu_percent()
        self._before, self._started = self._seconds(), time.monotonic()

    def _seconds(self) -> dict[str, float]:
        return {name: sum(_cpu_seconds(pid) for pid in pids) for name, pids in self._programs.items()}

    def report(self) -> None:
        busy, passed = psutil.cpu_percent(), time.monotonic() - self._started
        shares = {name: (after - self._before[name]) / passed * 100 for name, after in self._seconds().items()}
        parts = ", ".join(f"{name} {share:.0f} %" for name, share in shares.items())
        print(f"  processors: {busy:.0f} % of {os.cpu_count()} cores busy; of one core: {parts}")
        if busy >= FULL:
            print("  THE MACHINE WAS FULL: these figures are its own, not the product's")


def _cpu_seconds(pid: int) -> float:
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)] if pid != os.getpid() else None
    times = [process.cpu_times() for process in processes or [psutil.Process()]]
    return float(sum(used.user + used.system for used in times))


# The scenarios.


async def many(place: Place, options: argparse.Namespace, outcome: Outcome) -> None:
    """Everyone gets pictures: nobody starves, nothing grows, and the limit is exact."""
    session, seconds = Session(place.base), options.minutes * 60
    viewers = [Viewer(session, place.cameras[number % len(place.cameras)]) for number in range(options.viewers)]
    for start in range(0, len(viewers), 20):
        await asyncio.gather(*(viewer.open() for viewer in viewers[start : start + 20]))
        await _all("a first picture", 60, [viewer.first_frame.wait() for viewer in viewers[start : start + 20]])
    slots = place.slots()
    outcome.promise("a slot for each viewer", slots == options.viewers, f"{slots} of {options.viewers}")
    late = await Viewer(session, place.cameras[0]).open()
    await _all("an answer", 10, [late.closed.wait()])
    outcome.promise("one more is refused", late.close_code == 4429, f"{late.close_code} {late.reason}")
    meter = Meter(place)
    await asyncio.sleep(5)
    for viewer in viewers:
        viewer.count_from_now()
    meter.start()
    await asyncio.sleep(seconds / 5)
    early = place.memory()
    await asyncio.sleep(seconds * 4 / 5)
    rates = sorted(viewer.frames / seconds for viewer in viewers)
    # Without a picture up to now, too.
    gap = max(max(viewer.longest_gap, time.monotonic() - viewer.last_frame) for viewer in viewers)
    memory = place.memory()
    meter.report()
    median = statistics.median(rates)
    ended = Counter(f"{viewer.close_code} {viewer.reason}" for viewer in viewers if viewer.closed.is_set())
    outcome.promise("every stream still runs", not ended, f"ended: {dict(ended)}")
    figure = f"least {rates[0]:.2f}, median {median:.2f}, most {rates[-1]:.2f} frames/s"
    outcome.promise("nobody gets less than 80 % of the median", rates[0] >= FAIR * median, figure)
    outcome.promise("nobody waits longer than 3 s for a picture", gap <= LONGEST_GAP, f"longest {gap:.2f} s")
    flat = all(now <= then * 1.1 + 5 for then, now in zip(early, memory, strict=True))
    figure = ", ".join(f"{then:.0f}->{now:.0f}" for then, now in zip(early, memory, strict=True))
    outcome.promise("the workers' memory stays flat", flat, f"MB {figure}")
    await asyncio.gather(*(viewer.leave() for viewer in viewers))
    await _free(place, outcome)


async def handshakes(place: Place, options: argparse.Namespace, outcome: Outcome) -> None:
    """Everyone is answered, however many come at once."""
    session = Session(place.workers[0].base)
    sessions = [session.at(worker.base) for worker in place.workers]
    for turn in range(3):
        viewers = [Viewer(sessions[number % len(sessions)], place.cameras[0]) for number in range(options.handshakes)]
        meter = Meter(place)
        meter.start()
        await asyncio.gather(*(viewer.open() for viewer in viewers))
        await _all("an answer", 60, [_live_or_closed(viewer) for viewer in viewers])
        meter.report()
        answers = Counter("live" if viewer.is_live else f"{viewer.close_code} {viewer.reason}" for viewer in viewers)
        expected = {"live": options.limit, "4429 limit_reached": options.handshakes - options.limit}
        outcome.promise(f"round {turn + 1}: every handshake is answered", answers == expected, f"{dict(answers)}")
        times = sorted(viewer.answered_at - viewer.opened for viewer in viewers)
        figures = f"p50 {_percentile(times, 50):.2f} s, p99 {_percentile(times, 99):.2f} s, last {times[-1]:.2f} s"
        print(f"  answered after: {figures}")
        await asyncio.gather(*(viewer.leave() for viewer in viewers))
        await _free(place, outcome)


async def refused(place: Place, options: argparse.Namespace, outcome: Outcome) -> None:
    """Those who are refused cost those who watch nothing."""
    session = Session(place.workers[0].base)
    sessions = [session.at(worker.base) for worker in place.workers]
    viewers = [
        Viewer(sessions[number % len(sessions)], place.cameras[number % len(place.cameras)])
        for number in range(options.limit)
    ]
    await asyncio.gather(*(viewer.open() for viewer in viewers))
    await _all("a first picture", 60, [viewer.first_frame.wait() for viewer in viewers])
    await asyncio.sleep(5)
    seconds, meter = options.minutes * 60, Meter(place)
    before = await _rates(viewers, min(60, seconds / 2))
    codes: Counter[str] = Counter()
    times: list[float] = []

    async def knock(session: Session) -> None:
        visitor = await Viewer(session, place.cameras[0]).open()
        await visitor.closed.wait()
        codes[f"{visitor.close_code} {visitor.reason}"] += 1
        times.append(visitor.answered_at - visitor.opened)

    async def crowd() -> None:
        started, tasks = time.monotonic(), set()
        number = 0
        while (due := number * 60 / options.openings) < seconds:
            await asyncio.sleep(started + due - time.monotonic())
            tasks.add(task := asyncio.create_task(knock(sessions[number % len(sessions)])))
            task.add_done_callback(tasks.discard)
            number += 1
        await _all("an answer", 30, list(tasks))

    meter.start()
    during, _ = await asyncio.gather(_rates(viewers, seconds), crowd())
    meter.report()
    worst = min(now / then for now, then in zip(during, before, strict=True))
    figure = f"median {statistics.median(before):.2f} -> {statistics.median(during):.2f} frames/s"
    outcome.promise("no running stream loses 10 % of its rate", worst >= 0.9, f"worst {worst * 100:.1f} %; {figure}")
    outcome.promise("every opening is refused with 4429", set(codes) == {"4429 limit_reached"}, f"{dict(codes)}")
    times.sort()
    print(f"  refused after: p50 {_percentile(times, 50) * 1000:.0f} ms, p99 {_percentile(times, 99) * 1000:.0f} ms")
    await asyncio.gather(*(viewer.leave() for viewer in viewers))
    await _free(place, outcome)


async def _live_or_closed(viewer: Viewer) -> None:
    await viewer.answered.wait()
    if not viewer.is_live:
        await viewer.closed.wait()


async def _rates(viewers: Sequence[Viewer], seconds: float) -> list[float]:
    for viewer in viewers:
        viewer.count_from_now()
    await asyncio.sleep(seconds)
    return [viewer.frames / seconds for viewer in viewers]


async def _all(what: str, seconds: float, waits: Sequence[Awaitable[object]]) -> None:
    """Wait for all, `seconds` at most; what is missing then is for the promises to tell."""
    if waits:
        _, missing = await asyncio.wait([asyncio.ensure_future(wait) for wait in waits], timeout=seconds)
        for task in missing:
            task.cancel()
        if missing:
            print(f"  {len(missing)} of {len(waits)} had not got {what} after {seconds:g} s")


async def _free(place: Place, outcome: Outcome) -> None:
    started = time.monotonic()
    while (left := place.slots()) and time.monotonic() - started < 15:  # noqa: ASYNC110 - no message tells
        await asyncio.sleep(0.05)
    outcome.promise("no slot is held after all have left", left == 0, f"after {time.monotonic() - started:.2f} s")


def _percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


# The place.

NGINX = """
{user}daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    upstream workers {{ least_conn; {servers} }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://workers; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 75s;
            proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }}
    }}
}}
"""


def start_nginx(stack: ExitStack, folder: Path, workers: Sequence[Worker]) -> tuple[str, Process]:
    """Returns where nginx listens, and its process."""
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{worker.port} max_fails=0;" for worker in workers)
    user = "user root; " if os.geteuid() == 0 else ""  # the folder is this user's alone
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port, servers=servers, user=user))
    process = Process(["nginx", "-c", str(configuration)], dict(os.environ), folder / "nginx.log")
    stack.callback(process.end)
    wait_until(lambda: _listens(port), 10, "nginx listens")
    return f"http://127.0.0.1:{port}", process


def _listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def start_cameras(
    stack: ExitStack, folder: Path, environment: dict[str, str], number: int
) -> tuple[list[str], Process]:
    """Returns the addresses of simulated cameras, and their process."""
    command = [sys.executable, "manage.py", "simulate", "--port", "0", "--cameras", str(number)]
    command += ["--width", "640", "--height", "360", "--fps", "10"]
    process = Process(command, environment, folder / "cameras.txt")
    stack.callback(process.end)
    wait_until(lambda: process.log.read_text().count("rtsp://") == number, 30, "the cameras are on the air")
    return [line.rpartition(" ")[2] for line in process.log.read_text().splitlines() if "rtsp://" in line], process


def run(name: str, options: argparse.Namespace) -> Outcome:
    scenario, limit, proxied = SCENARIOS[name]
    outcome = Outcome()
    options.limit = limit(options)
    print(f"{name}: {(scenario.__doc__ or '').strip()}", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nvr-load-")))
        for part in ("site", "template", "redis"):
            (folder / part).mkdir()
        store = stack.enter_context(RedisServer(folder / "redis"))
        settings = {"REDIS_URL": store.url, "STREAM_MAX_CONCURRENT": str(options.limit)}
        installation = stack.enter_context(site(folder / "site", make_template(folder / "template"), **settings))
        urls, simulator = start_cameras(stack, folder, installation.environment, options.cameras)
        cameras = [installation.add_camera(f"Camera {number}", url) for number, url in enumerate(urls)]
        workers = [installation.start_worker() for _ in range(options.workers)]
        place = Place(installation, store, workers[0].base, workers, cameras)
        place.programs = {"workers": [worker.process.popen.pid for worker in workers]}
        place.programs |= {"cameras": [simulator.popen.pid], "Redis": [_pid(store)]}
        if proxied and shutil.which("nginx"):
            place.base, nginx = start_nginx(stack, folder, workers)
            place.programs["nginx"] = [nginx.popen.pid]
        session = Session(workers[0].base)
        wait_until(lambda: _is_open(session), 20, "newcomers are admitted: a new Redis makes them wait")
        asyncio.run(scenario(place, options, outcome))
    return outcome


def _is_open(session: Session) -> bool:
    return bool(session.json("/api/v1/cameras/stream/metrics")["gate"]["state"] == "open")


def _pid(store: RedisServer) -> int:
    assert store.process is not None
    return store.process.popen.pid


Scenario = Callable[[Place, argparse.Namespace, Outcome], Awaitable[None]]
SCENARIOS: dict[str, tuple[Any, Callable[[argparse.Namespace], int], bool]] = {
    "many": (many, lambda options: options.viewers, True),
    "handshakes": (handshakes, lambda options: 10, False),
    "refused": (refused, lambda options: 10, False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scenario", choices=[*SCENARIOS, "all"], default="all")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--viewers", type=int, default=200, help="of the scenario `many`")
    parser.add_argument("--handshakes", type=int, default=500, help="at once, of the scenario `handshakes`")
    parser.add_argument("--openings", type=int, default=1000, help="a minute, of the scenario `refused`")
    options = parser.parse_args()
    names = list(SCENARIOS) if options.scenario == "all" else [options.scenario]
    broken = sum(run(name, options).broken for name in names)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()

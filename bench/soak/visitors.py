"""The simulated viewers of a soak (a long test with random faults), and the events that they record."""

import asyncio
import contextlib
import random
import time

from websockets.exceptions import WebSocketException

from bench.history import Event, Recorder, monotonic
from tests.client import Session, Stream

VIEWERS = 25
KINDS = ("background", "ordinary", "", "", "", "ordinary", "ordinary", "", "", "")  # of waiting; "": refused at once
QUERIES = {"background": "&wait=1&background=1", "ordinary": "&wait=1", "": ""}
PATIENCE = (3.0, 60.0)  # seconds for which viewers wait in line
ANSWER = 8.0  # seconds for a handshake; a paused worker does not answer
INFO = 45.0  # seconds from the handshake to the gate's answer: a pause and a grace


class Visitors:
    """Viewers that come, try until they are admitted, watch for a while and leave, until `over` is set. Some of them
    wait in line for a slot. `sessions`: one at each worker; `cameras`: ids; `seed`: decides what each viewer does.
    """

    def __init__(self, sessions: list[Session], cameras: list[str], recorder: Recorder, seed: str):
        self._sessions, self._cameras, self._recorder = sessions, cameras, recorder
        self._seed = seed
        self.over = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(VIEWERS):
                group.create_task(self._visit(number))

    def _add(
        self, event: str, viewer: str, worker: int | None = None, at: float | None = None, **facts: object
    ) -> None:
        moment = time.monotonic() if at is None else at
        self._recorder.add(Event(event, moment, viewer, "" if worker is None else str(worker), **facts))  # type: ignore[arg-type]

    async def _visit(self, number: int) -> None:
        chance, visits = random.Random(f"{self._seed}-{number}"), 0  # noqa: S311 - has to repeat
        while not self.over.is_set():
            await self._pause(chance.uniform(0, 8))
            visits += 1
            name, seconds = f"{number}.{visits}", chance.uniform(2, 40)
            self._add("wants", name)
            while not self.over.is_set() and not await self._try(name, seconds, chance, KINDS[number % len(KINDS)]):
                await self._pause(chance.uniform(0.3, 1.2))
            self._add("rests", name)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)

    async def _try(self, name: str, seconds: float, chance: random.Random, kind: str) -> bool:
        """Open a stream once, and watch it for `seconds` if it is admitted. Returns whether it was admitted. `name`: of
        this viewing in the events. `kind`: the class in which the viewer waits in line, a key of QUERIES; "": does not
        wait.
        """
        worker = chance.randrange(len(self._sessions))
        stream = Stream(self._sessions[worker], chance.choice(self._cameras), f"?quality=low{QUERIES[kind]}")
        patience = chance.uniform(*PATIENCE) if kind else INFO
        self._add("asks", name, worker, reason=kind or "ordinary")
        try:
            async with asyncio.timeout(ANSWER):
                await stream.__aenter__()
        except (OSError, TimeoutError, WebSocketException) as error:
            self._add("refused", name, worker, code=0, reason=type(error).__name__)
            return False
        try:
            joined = await self._wait(name, worker, stream, patience)
            if not any(message["type"] == "info" for message in stream.messages):
                if joined:
                    self._add("quits", name, worker)
                if stream.close_code is None and (kind or self.over.is_set()):
                    return False  # lost patience
                self._add("refused", name, worker, code=stream.close_code or 0, reason=stream.reason or "no answer")
                return False
            self._add("live", name, worker, monotonic(stream.last("info")["server_time"]))
            await self._watch(name, worker, stream, seconds)
            return True
        finally:
            await stream.close()

    async def _wait(self, name: str, worker: int, stream: Stream, seconds: float) -> bool:
        """Wait `seconds` at most until the stream is admitted or ends, or `over` is set. Returns whether the viewer was
        in the waiting line meanwhile.
        """
        ends, joined = time.monotonic() + seconds, False
        while not (stream.is_answered or self.over.is_set()) and time.monotonic() < ends:
            with contextlib.suppress(TimeoutError):
                await stream.until(_is_answered if joined else _is_answered_or_waits, 1)
            if _has_place(stream) and not joined:
                self._add("joins", name, worker)
                joined = True
            elif joined:
                await stream.send({"type": "ping", "time": 0})
        return joined

    async def _watch(self, name: str, worker: int, stream: Stream, seconds: float) -> None:
        ends, count = time.monotonic() + seconds, 0
        while stream.close_code is None and time.monotonic() < ends and not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                await stream.until(lambda stream: stream.close_code is not None, 1)
            if stream.count > count:
                count = stream.count
                self._add_frame(name, worker, stream)
        await stream.close()
        if stream.count:
            self._add_frame(name, worker, stream)
        self._add("left", name, worker, code=stream.close_code, reason=stream.reason)

    def _add_frame(self, name: str, worker: int, stream: Stream) -> None:
        picture = stream.pictures[-1]
        self._add("frame", name, worker, picture.arrived - picture.age / 1000)


def _has_place(stream: Stream) -> bool:
    return any(message.get("state") == "waiting" for message in stream.messages)


def _is_answered(stream: Stream) -> bool:
    return stream.is_answered


def _is_answered_or_waits(stream: Stream) -> bool:
    return stream.is_answered or _has_place(stream)

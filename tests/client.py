"""A viewer without a browser: logs in over HTTP and speaks the protocol of docs/protocol.md."""

import asyncio
import contextlib
import http.cookiejar
import json
import struct
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import cv2
import numpy as np
import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed

from cameras.simulator.picture.clock import age_ms
from tests.servers import PASSWORD, PATIENCE

HEADER = struct.Struct("!BBBBIdd")


class Session:
    """One user's log-in at one worker."""

    def __init__(self, base: str, username: str = "viewer", password: str = PASSWORD) -> None:
        self.base = base
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        if username:
            self.get("/accounts/login/")
            status, _ = self.post("/accounts/login/", {"username": username, "password": password})
            assert "sessionid" in self._cookies(), f"{username} could not log in: HTTP {status}"

    def _cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self._jar}

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._cookies().items())

    def get(self, path: str) -> tuple[int, bytes]:
        return self._open(urllib.request.Request(self.base + path))

    def headers(self, path: str, data: dict[str, str] | None = None) -> tuple[int, Any]:
        """Sends GET, or POST if there is `data`. Returns the status and the headers of the response."""
        request = self._form(path, data) if data is not None else urllib.request.Request(self.base + path)
        try:
            with self._opener.open(request, timeout=20) as response:
                return response.status, response.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers

    def json(self, path: str) -> Any:
        status, body = self.get(path)
        assert status == 200, (path, status, body[:200])
        return json.loads(body)

    def post(self, path: str, data: dict[str, str]) -> tuple[int, bytes]:
        return self._open(self._form(path, data))

    def _form(self, path: str, data: dict[str, str]) -> urllib.request.Request:
        form = urllib.parse.urlencode({**data, "csrfmiddlewaretoken": self._cookies().get("csrftoken", "")})
        return urllib.request.Request(self.base + path, form.encode(), {"Referer": self.base + path})

    def _open(self, request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with self._opener.open(request, timeout=20) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def at(self, base: str) -> "Session":
        """Returns the same log-in at another worker."""
        other = Session(base, username="")
        other._jar = self._jar
        other._opener = self._opener
        return other


def in_use(session: Session) -> int:
    """Slots in use, by the metrics."""
    used: int = session.json("/api/v1/cameras/stream/metrics")["gate"]["in_use"]
    return used


async def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Polls a condition that no message announces. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.05)


@dataclass
class Picture:
    kind: int  # 1 JPEG, 2 H.264
    seq: int
    epoch: int
    flags: int
    age: float  # milliseconds from the worker's read to the arrival here
    data: bytes
    arrived: float  # time.monotonic()
    told: int  # the number of messages that had arrived before

    @property
    def image(self) -> Any:
        return cv2.imdecode(np.frombuffer(self.data, np.uint8), cv2.IMREAD_COLOR)

    def clock_age(self, now_ms: float | None = None) -> float | None:
        """Returns the milliseconds since the camera drew the picture, from the clock in the picture, or None."""
        return age_ms(self.image, now_ms or time.time() * 1000)


@dataclass
class Stream:
    """One viewer. Keeps all messages and the newest `keep` pictures."""

    session: Session
    camera: str
    query: str = ""
    acknowledges: bool = True
    messages: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    keep: int = 1
    count: int = 0
    close_code: int | None = None
    opened: float = 0.0
    closed: float = 0.0

    async def __aenter__(self) -> Self:
        url = f"{self.session.base.replace('http', 'ws')}/api/v1/cameras/{self.camera}/stream{self.query}"
        self.opened = time.monotonic()
        self.socket = await websockets.asyncio.client.connect(
            url,
            origin=self.session.base,  # type: ignore[arg-type]
            additional_headers={"Cookie": self.session.cookie},
            max_size=None,
            compression=None,
            ping_interval=None,
            open_timeout=20,
        )
        self._changed = asyncio.Condition()
        self._task = asyncio.create_task(self._receive())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.socket.close()
        await self._task

    async def _receive(self) -> None:
        try:
            async for message in self.socket:
                await self._take(message)
        except ConnectionClosed:
            pass
        finally:
            self.closed = time.monotonic()
            self.close_code = self.socket.close_code
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.messages.append(json.loads(message))
        else:
            _, kind, flags, epoch, seq, read_at, _ = HEADER.unpack_from(message)
            age = time.time() * 1000 - read_at
            data, told = message[HEADER.size :], len(self.messages)
            picture = Picture(kind, seq, epoch, flags, age, data, time.monotonic(), told)
            self.pictures = [*self.pictures, picture][-self.keep :]
            self.count += 1
            if self.acknowledges:
                await self.send({"type": "ack", "seq": seq})
        async with self._changed:
            self._changed.notify_all()

    async def send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self.socket.send(json.dumps(message))

    async def until(self, condition: Callable[["Stream"], bool], seconds: float = 15) -> Self:
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: condition(self))
        return self

    async def live(self, seconds: float = 15) -> Self:
        """Waits for a picture. Raises AssertionError if the stream ends first."""
        await self.until(lambda stream: stream.count > 0 or stream.close_code is not None, seconds)
        assert self.count, (self.close_code, self.messages)
        return self

    async def ended(self, seconds: float = 15) -> int | None:
        """Waits for the end. Returns the close code."""
        await self.until(lambda stream: stream.close_code is not None, seconds)
        return self.close_code

    @property
    def is_answered(self) -> bool:
        """Whether the stream was admitted, or has ended."""
        return self.close_code is not None or any(message["type"] == "info" for message in self.messages)

    @property
    def reason(self) -> str:
        """The reason of the server's `error` message; empty if there was none."""
        return next((str(message["reason"]) for message in self.messages if message["type"] == "error"), "")

    def last(self, kind: str) -> dict[str, Any]:
        return next(message for message in reversed(self.messages) if message["type"] == kind)

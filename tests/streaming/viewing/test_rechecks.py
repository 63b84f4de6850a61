"""Requests for one stream do not delay the periodic checks of the others."""

import asyncio
import contextlib
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.contrib.auth.models import AnonymousUser

from streaming import conf
from streaming.limits import policy
from streaming.viewing import rechecks
from streaming.viewing.access import Login
from streaming.viewing.open_streams import Stream
from streaming.viewing.rechecks import Rechecks
from tests.servers import PATIENCE

YARD, GATE = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def stream(session: str, camera: str = YARD) -> Stream:
    stream = Stream()
    viewing = SimpleNamespace(holder=SimpleNamespace(camera_id=camera), stop=lambda error: None)
    stream.assign(cast(Any, viewing), user="1", login=Login(session))
    return stream


@pytest.mark.django_db  # the thread of the checks may have a connection, which it closes
async def test_repeated_requests_for_one_stream_do_not_delay_the_checks_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conf, "RECHECK", 0.2)
    checks = Counter[str]()

    def user_of(login: Login) -> AnonymousUser:
        checks[str(login.session)] += 1
        return AnonymousUser()

    monkeypatch.setattr(rechecks, "user_of", user_of)
    busy, other = stream("busy"), stream("other")
    checker = Rechecks(lambda: [busy, other], cast(Any, None), policy.defaults)
    running = asyncio.create_task(checker.run())
    async with asyncio.timeout(PATIENCE):
        while not checks["busy"] > checks["other"] >= 3:
            checker.request(busy)
            await asyncio.sleep(0.05)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


@pytest.mark.django_db
async def test_a_round_reads_a_log_in_once_for_all_of_its_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conf, "RECHECK", 0.2)
    asked, stopped = list[Login](), list[object]()

    def user_of(login: Login) -> AnonymousUser:
        asked.append(login)
        return AnonymousUser()

    monkeypatch.setattr(rechecks, "user_of", user_of)
    wall = [stream("wall", YARD), stream("wall", GATE), stream("wall", GATE)]
    for each in wall:
        monkeypatch.setattr(each, "stop", stopped.append)
    running = asyncio.create_task(Rechecks(lambda: wall, cast(Any, None), policy.defaults).run())
    while not stopped:
        await asyncio.sleep(0.01)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert (len(asked), len(stopped)) == (1, 3)

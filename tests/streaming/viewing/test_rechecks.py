"""Requests for one stream do not delay the periodic checks of the others."""

import asyncio
import contextlib
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streaming import conf
from streaming.errors import NotAuthenticatedError
from streaming.limits import policy
from streaming.viewing import rechecks
from streaming.viewing.access import Login
from streaming.viewing.open_streams import Stream
from streaming.viewing.rechecks import Rechecks


def stream(session: str) -> Stream:
    stream = Stream()
    viewing = SimpleNamespace(holder=SimpleNamespace(camera_id="yard"), stop=lambda error: None)
    stream.assign(cast(Any, viewing), user="1", login=Login(session))
    return stream


@pytest.mark.django_db  # the thread of the checks may have a connection, which it closes
async def test_repeated_requests_for_one_stream_do_not_delay_the_checks_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conf, "RECHECK", 0.2)
    checks = Counter[str]()

    def check(login: Login, camera: str) -> None:
        checks[str(login.session)] += 1
        raise NotAuthenticatedError

    monkeypatch.setattr(rechecks, "check_login_access", check)
    busy, other = stream("busy"), stream("other")
    checker = Rechecks(lambda: [busy, other], cast(Any, None), policy.defaults)
    running = asyncio.create_task(checker.run())
    for _ in range(20):
        checker.request(busy)
        await asyncio.sleep(0.05)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert checks["busy"] > checks["other"] >= 3

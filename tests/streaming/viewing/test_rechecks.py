"""Running streams are looked at again: at once where it was asked for, all of them from time to time."""

import asyncio
import contextlib
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streaming import conf
from streaming.limits import policy
from streaming.viewing.open_streams import Stream
from streaming.viewing.rechecks import Rechecks


def stream(session: str) -> Stream:
    stream = Stream()
    stream.session, stream.camera, stream.viewing = session, "yard", cast(Any, SimpleNamespace())
    return stream


async def test_what_is_asked_for_again_and_again_keeps_nobody_else_from_being_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conf, "RECHECK", 0.2)
    busy, other = stream("busy"), stream("other")
    rechecks, looks = Rechecks(lambda: [busy, other], cast(Any, None), policy.defaults), Counter[str]()

    async def look(key: tuple[str, str], streams: list[Stream]) -> None:
        looks[key[0]] += 1

    monkeypatch.setattr(rechecks, "_look", look)
    running = asyncio.create_task(rechecks.run())
    for _ in range(20):
        rechecks.ask(busy)
        await asyncio.sleep(0.05)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert looks["busy"] > looks["other"] >= 3

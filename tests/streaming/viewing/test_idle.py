"""Viewers who have not touched their page for long, while others wait for a slot."""

import asyncio

import pytest
from pytest_django import Settings

from streaming.errors import IdleError
from streaming.viewing import idle
from streaming.viewing.idle import IdleQuestions
from streaming.viewing.viewing import Viewing
from tests.servers import PATIENCE
from tests.streaming.viewing.harness import LIMITS, Bench, ListViewer, leave, until


class Waiting:
    """How many wait in line."""

    def __init__(self, count: int) -> None:
        self.count = count

    async def __call__(self) -> int:
        return self.count


async def watching(bench: Bench) -> tuple[Viewing, ListViewer, "asyncio.Task[None]"]:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewer.sequences)
    return viewing, viewer, task


def questions(viewer: ListViewer) -> list[object]:
    return [message["answer_within"] for message in viewer.messages if message.get("reason") == "still_watching"]


async def test_an_idle_viewer_is_asked_while_others_wait_and_ends_without_an_answer(
    bench: Bench, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STREAM_IDLE_MINUTES = 0.001
    viewing, viewer, task = await watching(bench)
    waiting = Waiting(0)
    asking = IdleQuestions(lambda: [viewing], waiting)
    await asyncio.sleep(0.1)
    await asking.look()
    assert not questions(viewer)  # nobody waits
    waiting.count = 1
    await asking.look()
    await asking.look()
    assert questions(viewer) == [60]
    viewing.touched()
    await asking.look()
    assert questions(viewer) == [60] and not task.done()
    await asyncio.sleep(0.1)
    await asking.look()
    monkeypatch.setattr(idle, "ANSWER_WITHIN", 0)
    waiting.count = 0
    await asking.look()
    assert not task.done()  # nobody waits any longer
    waiting.count = 1
    await asking.look()
    await asking.look()
    with pytest.raises(IdleError):
        await asyncio.wait_for(task, PATIENCE)


async def test_nobody_is_asked_without_the_setting(bench: Bench, settings: Settings) -> None:
    settings.STREAM_IDLE_MINUTES = 0
    viewing, viewer, task = await watching(bench)
    await IdleQuestions(lambda: [viewing], Waiting(9)).look()
    assert not questions(viewer)
    await leave(task)

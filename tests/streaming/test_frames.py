"""The mailbox of one viewer: the newest frame, and nothing lost on the way out."""

import asyncio

import pytest

from streaming.frames import Frame, Mailbox


def frame(number: int) -> Frame:
    return Frame("low", b"", 640, 360, read_at=number, presented_at=0, epoch=0)


async def started(mailbox: Mailbox) -> "asyncio.Task[tuple[Frame, bool]]":
    """A reader that waits already."""
    reader = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    return reader


async def test_a_slow_viewer_gets_the_newest_frame_and_hears_that_others_were_dropped() -> None:
    mailbox = Mailbox()
    for number in (1, 2, 3):
        mailbox.put(frame(number))
    assert mailbox.dropped == 2
    assert await mailbox.take() == (frame(3), True)


async def test_a_viewer_that_keeps_up_gets_every_frame_and_hears_of_no_drop() -> None:
    mailbox = Mailbox()
    for number in (1, 2, 3):
        mailbox.put(frame(number))
        assert await mailbox.take() == (frame(number), False)


async def test_a_drop_is_reported_once() -> None:
    mailbox = Mailbox()
    for number in (1, 2):
        mailbox.put(frame(number))
    await mailbox.take()
    mailbox.put(frame(3))
    assert await mailbox.take() == (frame(3), False)


async def test_a_viewer_waits_for_a_frame_and_never_gets_one_twice() -> None:
    mailbox = Mailbox()
    mailbox.put(frame(1))
    await mailbox.take()
    reader = await started(mailbox)
    assert not reader.done()
    mailbox.put(frame(2))
    assert await reader == (frame(2), False)


async def test_a_reader_cancelled_while_its_frame_arrives_takes_nothing_away() -> None:
    mailbox = Mailbox()
    reader = await started(mailbox)
    mailbox.put(frame(1))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await mailbox.take() == (frame(1), False)


async def test_a_cleared_mailbox_gives_no_frame_of_before() -> None:
    mailbox = Mailbox()
    mailbox.put(frame(1))
    mailbox.clear()
    reader = await started(mailbox)
    assert not reader.done()
    mailbox.put(frame(2))
    assert (await reader)[0] == frame(2)


async def test_a_reader_woken_by_a_frame_that_was_cleared_meanwhile_waits_for_the_next() -> None:
    """A frame arrives, and in the same turn of the loop the viewer changes its quality."""
    mailbox = Mailbox()
    reader = await started(mailbox)
    mailbox.put(frame(1))
    mailbox.clear()
    await asyncio.sleep(0)
    mailbox.put(frame(2))
    assert (await reader)[0] == frame(2)

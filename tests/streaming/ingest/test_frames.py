"""The mailbox of one viewer: it keeps the newest JPEG, and all video or that from the next keyframe on."""

import asyncio

import pytest

from streaming.ingest.frames import Flag, Format, Frame, Mailbox


def frame(number: int) -> Frame:
    """A JPEG."""
    return Frame(Format.JPEG, "low", b"", read_at=number, presented_at=0, epoch=0, flags=Flag.KEY)


def unit(number: int, *, key: bool = False) -> Frame:
    """A picture of the camera's own video."""
    flags = Flag.KEY if key else Flag(0)
    return Frame(Format.H264, "original", b"", number, presented_at=0, epoch=0, flags=flags, codec="avc1.42C01E")


def after_a_drop(frame: Frame) -> Frame:
    return frame._replace(flags=frame.flags | Flag.DISCONTINUITY)


async def started(mailbox: Mailbox) -> "asyncio.Task[Frame]":
    """Starts a reader, which waits."""
    reader = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    return reader


async def waiting(mailbox: Mailbox) -> list[Frame]:
    """Takes all frames that wait."""
    taken: list[Frame] = []
    while True:
        reader = await started(mailbox)
        if not reader.done():
            reader.cancel()
            return taken
        taken.append(reader.result())


def numbers(frames: list[Frame]) -> list[float]:
    return [frame.read_at for frame in frames]


# JPEG.


async def test_a_slow_viewer_gets_the_newest_frame_flagged_as_a_discontinuity() -> None:
    mailbox = Mailbox()
    for number in (1, 2, 3):
        mailbox.put(frame(number))
    assert mailbox.dropped == 2
    assert await mailbox.take() == after_a_drop(frame(3))


async def test_a_fast_viewer_gets_every_frame_without_a_discontinuity() -> None:
    mailbox = Mailbox()
    for number in (1, 2, 3):
        mailbox.put(frame(number))
        assert await mailbox.take() == frame(number)


async def test_a_drop_is_reported_once() -> None:
    mailbox = Mailbox()
    for number in (1, 2):
        mailbox.put(frame(number))
    await mailbox.take()
    mailbox.put(frame(3))
    assert await mailbox.take() == frame(3)


async def test_a_viewer_waits_for_a_frame_and_never_gets_one_twice() -> None:
    mailbox = Mailbox()
    mailbox.put(frame(1))
    await mailbox.take()
    reader = await started(mailbox)
    assert not reader.done()
    mailbox.put(frame(2))
    assert await reader == frame(2)


async def test_a_reader_that_is_cancelled_when_its_frame_arrives_takes_nothing() -> None:
    mailbox = Mailbox()
    reader = await started(mailbox)
    mailbox.put(frame(1))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await mailbox.take() == frame(1)


async def test_a_cleared_mailbox_gives_no_old_frame() -> None:
    mailbox = Mailbox()
    mailbox.put(frame(1))
    mailbox.clear()
    reader = await started(mailbox)
    assert not reader.done()
    mailbox.put(frame(2))
    assert (await reader).read_at == 2


async def test_a_reader_woken_by_a_frame_that_was_cleared_meanwhile_waits_for_the_next() -> None:
    """The viewer changes its quality in the turn of the loop in which a frame arrives."""
    mailbox = Mailbox()
    reader = await started(mailbox)
    mailbox.put(frame(1))
    mailbox.clear()
    await asyncio.sleep(0)
    mailbox.put(frame(2))
    assert (await reader).read_at == 2


# To whoever waits, at once.


class Taker:
    """A delivery that accepts frames or not."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.takes, self.offered = True, list[Frame]()
        mailbox.deliver_to(self)

    def __call__(self, frame: Frame) -> bool:
        self.offered.append(frame)
        return self.takes


async def test_a_frame_is_delivered_without_waking_a_reader_that_waits() -> None:
    mailbox = Mailbox()
    taker, reader = Taker(mailbox), await started(mailbox)
    mailbox.put(frame(1))
    mailbox.put(frame(2))
    await asyncio.sleep(0)
    assert taker.offered == [frame(1), frame(2)]
    assert not reader.done()
    taker.takes = False
    mailbox.put(frame(3))
    assert await reader == frame(3)


async def test_a_frame_does_not_overtake_those_that_wait_for_the_reader() -> None:
    mailbox = Mailbox()
    taker = Taker(mailbox)
    mailbox.put(unit(1, key=True))  # nobody waits
    reader = await started(mailbox)
    mailbox.put(unit(2))
    assert await reader == unit(1, key=True)
    assert await mailbox.take() == unit(2)
    assert taker.offered == []


async def test_a_frame_is_kept_for_a_reader_that_was_woken_or_has_left() -> None:
    mailbox = Mailbox()
    taker, reader = Taker(mailbox), await started(mailbox)
    taker.takes = False
    mailbox.put(unit(1, key=True))
    mailbox.put(unit(2))
    assert taker.offered == [unit(1, key=True)]
    assert await reader == unit(1, key=True)
    await mailbox.take()
    leaving = await started(mailbox)
    leaving.cancel()
    mailbox.put(unit(3))
    assert taker.offered == [unit(1, key=True)]
    assert await mailbox.take() == unit(3)


async def test_the_reader_is_woken_after_a_drop() -> None:
    mailbox = Mailbox()
    taker, reader = Taker(mailbox), await started(mailbox)
    mailbox.put(unit(1))  # no key yet
    mailbox.put(unit(2, key=True))
    assert taker.offered == []
    assert await reader == after_a_drop(unit(2, key=True))


# Video.


async def test_video_is_complete_and_in_order() -> None:
    mailbox = Mailbox()
    sent = [unit(1, key=True), unit(2), unit(3), unit(4, key=True), unit(5)]
    for one in sent:
        mailbox.put(one)
    assert await waiting(mailbox) == sent


async def test_video_begins_with_a_keyframe_flagged_as_a_discontinuity() -> None:
    mailbox = Mailbox()
    for one in (unit(1), unit(2), unit(3, key=True), unit(4)):
        mailbox.put(one)
    assert await waiting(mailbox) == [after_a_drop(unit(3, key=True)), unit(4)]


async def test_the_mailbox_keeps_as_many_frames_as_it_has_room_for() -> None:
    mailbox = Mailbox(most=4)
    sent = [unit(number, key=number == 1) for number in range(1, 5)]
    for one in sent:
        mailbox.put(one)
    assert mailbox.dropped == 0
    assert await waiting(mailbox) == sent


async def test_one_frame_too_many_drops_all_up_to_the_next_keyframe() -> None:
    mailbox = Mailbox(most=4)
    for number in range(1, 9):
        mailbox.put(unit(number, key=number == 1))
    assert await waiting(mailbox) == []
    assert mailbox.dropped == 8
    mailbox.put(unit(9, key=True))
    mailbox.put(unit(10))
    assert await waiting(mailbox) == [after_a_drop(unit(9, key=True)), unit(10)]


async def test_a_keyframe_replaces_all_frames_of_a_full_mailbox() -> None:
    mailbox = Mailbox(most=3)
    for number in range(1, 4):
        mailbox.put(unit(number, key=number == 1))
    mailbox.put(unit(4, key=True))
    assert await waiting(mailbox) == [after_a_drop(unit(4, key=True))]


async def test_a_cleared_mailbox_continues_with_a_keyframe() -> None:
    mailbox = Mailbox()
    mailbox.put(unit(1, key=True))
    mailbox.clear()
    mailbox.put(unit(2))
    mailbox.put(unit(3, key=True))
    assert numbers(await waiting(mailbox)) == [3]


async def test_a_preloaded_gop_is_backlog_except_for_its_newest_frame() -> None:
    mailbox = Mailbox()
    group = [unit(1, key=True), unit(2), unit(3)]
    mailbox.preload(group)
    mailbox.put(unit(4))
    taken = await waiting(mailbox)
    assert numbers(taken) == [1, 2, 3, 4]
    assert [one.flags for one in taken] == [Flag.KEY | Flag.BACKLOG, Flag.BACKLOG, Flag(0), Flag(0)]
    assert [one.flags for one in group] == [Flag.KEY, Flag(0), Flag(0)]  # other viewers share these frames


async def test_a_preloaded_gop_of_one_frame_is_painted() -> None:
    mailbox = Mailbox()
    mailbox.preload([unit(1, key=True)])
    assert await waiting(mailbox) == [unit(1, key=True)]


async def test_a_preloaded_gop_replaces_waiting_frames_without_a_drop() -> None:
    mailbox = Mailbox()
    mailbox.put(unit(1, key=True))
    mailbox.put(unit(2))
    mailbox.preload([unit(3, key=True), unit(4)])
    taken = await waiting(mailbox)
    assert numbers(taken) == [3, 4]
    assert not any(one.flags & Flag.DISCONTINUITY for one in taken)


async def test_a_preload_wakes_the_reader() -> None:
    mailbox = Mailbox()
    reader = await started(mailbox)
    mailbox.preload([unit(1, key=True)])
    assert await reader == unit(1, key=True)


async def test_a_preloaded_gop_may_be_longer_than_the_mailbox() -> None:
    """A GOP lasts for seconds, and the next frame must not drop it."""
    mailbox = Mailbox(most=4)
    mailbox.preload([unit(number, key=number == 1) for number in range(1, 11)])
    mailbox.put(unit(11))
    assert numbers(await waiting(mailbox)) == list(range(1, 12))


async def test_jpeg_replaces_video_that_waits() -> None:
    mailbox = Mailbox()
    mailbox.put(unit(1, key=True))
    mailbox.put(unit(2))
    mailbox.put(frame(3))
    assert await waiting(mailbox) == [after_a_drop(frame(3))]

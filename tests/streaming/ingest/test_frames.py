"""The mailbox of one viewer: of JPEG the newest, of video all or from the next key on, and nothing lost on the way."""

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
    """A reader that waits already."""
    reader = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    return reader


async def waiting(mailbox: Mailbox) -> list[Frame]:
    """All that can be taken at once."""
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


async def test_a_slow_viewer_gets_the_newest_frame_and_hears_that_others_were_dropped() -> None:
    mailbox = Mailbox()
    for number in (1, 2, 3):
        mailbox.put(frame(number))
    assert mailbox.dropped == 2
    assert await mailbox.take() == after_a_drop(frame(3))


async def test_a_viewer_that_keeps_up_gets_every_frame_and_hears_of_no_drop() -> None:
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


async def test_a_reader_cancelled_while_its_frame_arrives_takes_nothing_away() -> None:
    mailbox = Mailbox()
    reader = await started(mailbox)
    mailbox.put(frame(1))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await mailbox.take() == frame(1)


async def test_a_cleared_mailbox_gives_no_frame_of_before() -> None:
    mailbox = Mailbox()
    mailbox.put(frame(1))
    mailbox.clear()
    reader = await started(mailbox)
    assert not reader.done()
    mailbox.put(frame(2))
    assert (await reader).read_at == 2


async def test_a_reader_woken_by_a_frame_that_was_cleared_meanwhile_waits_for_the_next() -> None:
    """A frame arrives, and in the same turn of the loop the viewer changes its quality."""
    mailbox = Mailbox()
    reader = await started(mailbox)
    mailbox.put(frame(1))
    mailbox.clear()
    await asyncio.sleep(0)
    mailbox.put(frame(2))
    assert (await reader).read_at == 2


# To whoever waits, at once.


class Taker:
    """Takes what it is offered, or not."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.takes, self.offered = True, list[Frame]()
        mailbox.deliver_to(self)

    def __call__(self, frame: Frame) -> bool:
        self.offered.append(frame)
        return self.takes


async def test_a_frame_that_finds_its_reader_waiting_is_passed_on_and_the_reader_left_asleep() -> None:
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


async def test_what_the_reader_has_not_come_for_yet_is_not_overtaken() -> None:
    mailbox = Mailbox()
    taker = Taker(mailbox)
    mailbox.put(unit(1, key=True))  # nobody waits
    reader = await started(mailbox)
    mailbox.put(unit(2))
    assert await reader == unit(1, key=True)
    assert await mailbox.take() == unit(2)
    assert taker.offered == []


async def test_a_reader_that_was_woken_or_has_left_is_not_passed_by() -> None:
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


async def test_after_a_drop_the_reader_is_woken_to_say_so() -> None:
    mailbox = Mailbox()
    taker, reader = Taker(mailbox), await started(mailbox)
    mailbox.put(unit(1))  # no key yet
    mailbox.put(unit(2, key=True))
    assert taker.offered == []
    assert await reader == after_a_drop(unit(2, key=True))


# Video.


async def test_video_comes_whole_and_in_order() -> None:
    mailbox = Mailbox()
    sent = [unit(1, key=True), unit(2), unit(3), unit(4, key=True), unit(5)]
    for one in sent:
        mailbox.put(one)
    assert await waiting(mailbox) == sent


async def test_video_begins_with_a_key_and_says_that_something_was_left_out_before() -> None:
    mailbox = Mailbox()
    for one in (unit(1), unit(2), unit(3, key=True), unit(4)):
        mailbox.put(one)
    assert await waiting(mailbox) == [after_a_drop(unit(3, key=True)), unit(4)]


async def test_as_many_pictures_wait_as_there_is_room_for() -> None:
    mailbox = Mailbox(most=4)
    sent = [unit(number, key=number == 1) for number in range(1, 5)]
    for one in sent:
        mailbox.put(one)
    assert mailbox.dropped == 0
    assert await waiting(mailbox) == sent


async def test_one_too_many_drops_everything_up_to_the_next_key_which_says_so_once() -> None:
    mailbox = Mailbox(most=4)
    for number in range(1, 9):
        mailbox.put(unit(number, key=number == 1))
    assert await waiting(mailbox) == []
    assert mailbox.dropped == 8
    mailbox.put(unit(9, key=True))
    mailbox.put(unit(10))
    assert await waiting(mailbox) == [after_a_drop(unit(9, key=True)), unit(10)]


async def test_a_key_that_finds_the_mailbox_full_is_the_first_that_comes() -> None:
    mailbox = Mailbox(most=3)
    for number in range(1, 4):
        mailbox.put(unit(number, key=number == 1))
    mailbox.put(unit(4, key=True))
    assert await waiting(mailbox) == [after_a_drop(unit(4, key=True))]


async def test_a_cleared_mailbox_goes_on_with_a_key() -> None:
    mailbox = Mailbox()
    mailbox.put(unit(1, key=True))
    mailbox.clear()
    mailbox.put(unit(2))
    mailbox.put(unit(3, key=True))
    assert numbers(await waiting(mailbox)) == [3]


async def test_a_preloaded_group_is_decoded_without_being_painted_but_for_its_newest_picture() -> None:
    mailbox = Mailbox()
    group = [unit(1, key=True), unit(2), unit(3)]
    mailbox.preload(group)
    mailbox.put(unit(4))
    taken = await waiting(mailbox)
    assert numbers(taken) == [1, 2, 3, 4]
    assert [one.flags for one in taken] == [Flag.KEY | Flag.BACKLOG, Flag.BACKLOG, Flag(0), Flag(0)]
    assert [one.flags for one in group] == [Flag.KEY, Flag(0), Flag(0)]  # others have the same frames


async def test_a_preloaded_group_of_one_is_a_key_to_be_painted() -> None:
    mailbox = Mailbox()
    mailbox.preload([unit(1, key=True)])
    assert await waiting(mailbox) == [unit(1, key=True)]


async def test_a_preloaded_group_takes_the_place_of_what_waited_and_is_no_drop() -> None:
    mailbox = Mailbox()
    mailbox.put(unit(1, key=True))
    mailbox.put(unit(2))
    mailbox.preload([unit(3, key=True), unit(4)])
    taken = await waiting(mailbox)
    assert numbers(taken) == [3, 4]
    assert not any(one.flags & Flag.DISCONTINUITY for one in taken)


async def test_a_reader_that_waits_hears_of_a_preload() -> None:
    mailbox = Mailbox()
    reader = await started(mailbox)
    mailbox.preload([unit(1, key=True)])
    assert await reader == unit(1, key=True)


async def test_a_group_longer_than_the_mailbox_is_no_overflow() -> None:
    """Groups of pictures last for seconds: what is preloaded must not be dropped by the next picture."""
    mailbox = Mailbox(most=4)
    mailbox.preload([unit(number, key=number == 1) for number in range(1, 11)])
    mailbox.put(unit(11))
    assert numbers(await waiting(mailbox)) == list(range(1, 12))


async def test_jpeg_takes_the_place_of_video_that_waits() -> None:
    mailbox = Mailbox()
    mailbox.put(unit(1, key=True))
    mailbox.put(unit(2))
    mailbox.put(frame(3))
    assert await waiting(mailbox) == [after_a_drop(frame(3))]

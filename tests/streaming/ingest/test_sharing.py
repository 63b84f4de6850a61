"""The election of a camera's reader and the following of it: two workers' captures, a real Redis, a simulated camera."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from cameras.simulator import Fault, SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.ingest import outbox, sharing
from streaming.ingest.access_units import AccessUnit
from streaming.ingest.condition import State
from streaming.ingest.frames import Flag, Frame
from streaming.ingest.shared_stream import Arrival, Loss
from streaming.ingest.sharing import Relay, Sharing
from tests.servers import RedisServer, wait_until
from tests.streaming.ingest.watched import Watched, clocks_of, watching

SOURCE = CameraSource("rtsp://camera.example/yard")
KEY = AccessUnit(b"key", True, 1.5, "avc1.42C01F", b"sets", 1_700_000_000_123.25)
OTHER = AccessUnit(b"other", False, 2.5, read_at=1_700_000_000_163.25)


@contextmanager
def worker(redis_server: RedisServer, name: str) -> Iterator[Sharing]:
    sharing = Sharing(redis_server.url, name)
    try:
        yield sharing
    finally:
        sharing.close()


@pytest.fixture
def ann(redis_server: RedisServer) -> Iterator[Sharing]:
    with worker(redis_server, "ann") as sharing:
        yield sharing


@pytest.fixture
def bob(redis_server: RedisServer) -> Iterator[Sharing]:
    with worker(redis_server, "bob") as sharing:
        yield sharing


def until(condition: Any, what: str, seconds: float = 10) -> float:
    return wait_until(condition, seconds, what)


class Follower:
    """A relay's follower in a thread, and what it heard."""

    def __init__(self, relay: Relay) -> None:
        self.news: list[Arrival | Loss] = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(relay,), name="follower")

    def __enter__(self) -> "Follower":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join(5)
        assert not self.thread.is_alive()

    def _run(self, relay: Relay) -> None:
        for news in relay.follow():
            self.news += [news] if news else []
            if self.stopped.is_set():
                return

    @property
    def units(self) -> list[AccessUnit]:
        return [unit for news in self.news if isinstance(news, Arrival) for unit in news.units]


# Relays.


def test_the_first_reads_and_the_second_follows(ann: Sharing, bob: Sharing) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second:
        assert (first.reads, second.reads) == (True, False)
        until(lambda: first.followed, "the reader hears that it is followed", 1)
        with bob.relay("2", SOURCE) as another:
            assert another.reads


def test_who_has_heard_of_a_new_address_does_not_follow_the_old_one(ann: Sharing, bob: Sharing) -> None:
    moved = CameraSource(SOURCE.url, "admin", "new password")
    with ann.relay("1", SOURCE) as first, bob.relay("1", moved) as second:
        assert first.reads
        assert second.reads


def test_when_the_reader_leaves_a_follower_takes_over_at_once(ann: Sharing, bob: Sharing) -> None:
    with ExitStack() as stay:
        with ann.relay("1", SOURCE):
            second = stay.enter_context(bob.relay("1", SOURCE))
            follower = stay.enter_context(Follower(second))
        until(lambda: second.reads, "the follower reads", 0.9)  # less than the lease
        until(lambda: not follower.thread.is_alive(), "it follows no more")
        assert not follower.news


def test_units_arrive_whole_and_in_order_beginning_with_the_group_s_key(ann: Sharing, bob: Sharing) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"extra")
        for group in ([KEY], [KEY, OTHER], [KEY, OTHER, OTHER]):
            first.publish(group[-1], group)
        until(lambda: len(follower.units) == 3, "all have arrived")
        assert follower.units == [KEY, OTHER, OTHER]
        arrivals = [news for news in follower.news if isinstance(news, Arrival)]
        assert {(arrival.opening.codec, arrival.opening.extradata) for arrival in arrivals} == {("h264", b"extra")}


def test_who_comes_later_gets_the_running_group_and_nothing_before_it(
    redis_server: RedisServer, ann: Sharing, bob: Sharing
) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as early:
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"")
        for group in ([KEY], [KEY, OTHER], [KEY], [KEY, OTHER], [KEY, OTHER, OTHER]):
            first.publish(group[-1], group)
        until(lambda: early.units[-2:] == [OTHER, OTHER], "the last group is there")
        with worker(redis_server, "cid") as late, late.relay("1", SOURCE) as third, Follower(third) as follower:
            until(lambda: len(follower.units) >= 3, "the last group is there")
            assert follower.units == [KEY, OTHER, OTHER]


def test_a_gap_is_bridged_by_the_next_key_or_by_the_group_again(ann: Sharing, bob: Sharing) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"")
        first.publish(KEY, [KEY])
        until(lambda: len(follower.units) == 1, "the key has arrived")
        first.followed = False
        first.publish(OTHER, [KEY, OTHER])  # is lost
        first.followed = True
        third = AccessUnit(b"third", False, 3)
        first.publish(third, [KEY, OTHER, third])
        until(lambda: len(follower.units) == 3, "what was lost has come with the group")
        assert follower.units == [KEY, OTHER, third]


def test_a_loss_is_told_with_its_cause_to_who_comes_later_too(ann: Sharing, bob: Sharing) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second:
        until(lambda: first.followed, "the reader is followed")
        first.publish_loss(1, "Très loin.")
        with Follower(second) as follower:
            until(lambda: bool(follower.news), "the loss is known")
            assert follower.news == [Loss(1, "Très loin.")]


def test_a_reader_that_was_paused_hands_nothing_on_and_follows(
    redis_server: RedisServer, ann: Sharing, bob: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second:
        until(lambda: first.followed, "the reader is followed")
        monkeypatch.setattr(ann, "_listen", lambda read: threading.Event().wait(3))  # no beat meanwhile
        until(lambda: second.reads, "the lease has ended", 3)
        assert first.reads
        with worker(redis_server, "cid") as late, late.relay("1", SOURCE) as third, Follower(third) as follower:
            first.opened("h264", b"")
            first.publish(KEY, [KEY])
            until(lambda: not first.reads, "its picture is refused")
            assert not follower.news


def test_a_reader_that_cannot_open_the_camera_lets_another_one_try(ann: Sharing, bob: Sharing) -> None:
    """It may be the network of its host."""
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.publish_loss(1, "Far away.")
        until(lambda: bool(follower.news), "the loss is known")
        first.publish_loss(2, "Far away.")
        until(lambda: second.reads, "the other one tries", 0.9)
        assert not first.reads


def test_alone_a_reader_goes_on_trying(ann: Sharing) -> None:
    with ann.relay("1", SOURCE) as relay:
        relay.publish_loss(9, "Far away.")
        assert relay.reads


def test_what_is_still_on_its_way_when_a_reader_leaves_takes_nothing_back(ann: Sharing, bob: Sharing) -> None:
    with bob.relay("2", SOURCE), ExitStack() as stay:
        with ann.relay("1", SOURCE) as first:
            second = stay.enter_context(bob.relay("1", SOURCE))
            stay.enter_context(Follower(second))
            until(lambda: first.followed, "the reader is followed")
            first.opened("h264", b"")
            for number in range(300):
                first.publish(AccessUnit(bytes(20_000), True, number), [KEY])
        until(lambda: second.reads, "the follower reads", 0.9)


def test_pictures_beyond_what_redis_takes_are_left_out_up_to_a_key(
    ann: Sharing, bob: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"")
        monkeypatch.setattr(outbox, "MOST_WAITING", -1)
        first.publish(KEY, [KEY])
        monkeypatch.setattr(outbox, "MOST_WAITING", 1_000_000)
        first.publish(OTHER, [KEY, OTHER])
        first.publish(KEY, [KEY])
        first.publish(OTHER, [KEY, OTHER])
        until(lambda: len(follower.units) == 2, "the group arrives")
        assert follower.units == [KEY, OTHER]


def held(redis_server: RedisServer) -> int:
    """Bytes of all that this Redis holds."""
    with redis.Redis.from_url(redis_server.url) as client:
        return sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter())


def publish_all(relay: Relay, follower: Follower, units: list[AccessUnit], group: list[AccessUnit]) -> None:
    """One after the other, as a camera sends them; each arrives."""
    for number, unit in enumerate(units, start=len(follower.units) + 1):
        relay.publish(unit, [*group, unit] if group else [])
        until(lambda number=number: len(follower.units) == number, "the picture arrives")


@pytest.mark.parametrize("group", [[], [KEY]], ids=["too long to be kept", "kept"])
def test_what_redis_holds_of_a_camera_is_bounded_in_bytes_and_who_follows_misses_nothing(
    ann: Sharing, bob: Sharing, redis_server: RedisServer, group: list[AccessUnit]
) -> None:
    large = [AccessUnit(bytes(5_000_000), False, number) for number in range(12)]
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"")
        if group:
            first.publish(KEY, group)
            until(lambda: len(follower.units) == 1, "the key arrives")
        publish_all(first, follower, large, group)
        assert follower.units == [*group, *large]
        assert 5_000_000 < held(redis_server) < sharing.MOST_HELD + 100_000


def test_what_redis_holds_of_all_cameras_is_bounded_and_each_has_its_part(
    ann: Sharing, bob: Sharing, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "MOST_HELD_OF_ALL", 4_000_000)
    with ExitStack() as stay:
        cameras = []
        for camera in ("1", "2", "3", "4"):
            first, second = (stay.enter_context(each.relay(camera, SOURCE)) for each in (ann, bob))
            cameras.append((first, stay.enter_context(Follower(second))))
            until(lambda first=first: first.followed, "the reader is followed")
            first.opened("h264", b"")
        for number in range(20):
            for first, follower in cameras:
                publish_all(first, follower, [AccessUnit(bytes(200_000), False, number)], [])
        assert 1_000_000 < held(redis_server) < 4_100_000


def test_a_picture_too_large_for_redis_is_left_out_up_to_a_key(
    ann: Sharing, bob: Sharing, redis_server: RedisServer
) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"")
        huge = AccessUnit(bytes(sharing.LARGEST + 1), True, 1)
        first.publish(huge, [huge])
        first.publish(OTHER, [huge, OTHER])
        first.publish(KEY, [KEY])
        until(lambda: len(follower.units) == 1, "the key arrives")
        assert follower.units == [KEY]


def test_a_gap_in_a_group_too_long_to_be_kept_is_told(ann: Sharing, bob: Sharing) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"")
        first.publish(OTHER, [])
        until(lambda: len(follower.units) == 1, "a picture arrives")
        first.followed = False
        first.publish(OTHER, [])  # is lost
        first.followed = True
        first.publish(OTHER, [])
        until(lambda: len(follower.units) == 2, "the next one arrives")
        arrivals = [news for news in follower.news if isinstance(news, Arrival)]
        assert arrivals[-1].gap


def test_scripts_that_redis_has_forgotten_are_told_again(ann: Sharing, bob: Sharing, redis_server: RedisServer) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"")
        first.publish(KEY, [KEY])
        until(lambda: len(follower.units) == 1, "a picture arrives")
        redis.Redis.from_url(redis_server.url).script_flush()
        first.publish(KEY, [KEY])
        until(lambda: len(follower.units) == 2, "the next one arrives")


def test_without_redis_each_reads_and_afterwards_one(ann: Sharing, bob: Sharing, redis_server: RedisServer) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second:
        redis_server.kill()
        until(lambda: first.reads and second.reads, "each reads", 5)
        redis_server.start()
        until(lambda: first.reads is not second.reads, "one follows", 5)


def test_no_picture_reaches_the_disk_of_a_redis_that_keeps_its_data(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path, appendonly="yes") as server,
        worker(server, "ann") as ann,
        worker(server, "bob") as bob,
        ann.relay("1", SOURCE) as first,
        bob.relay("1", SOURCE) as second,
        Follower(second) as follower,
    ):
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"")
        first.publish(AccessUnit(bytes(200_000), True, 0), [KEY])
        until(lambda: bool(follower.units), "a picture arrives")
        files = [path for path in tmp_path.rglob("*aof*") if path.is_file()]
        assert files
        assert sum(path.stat().st_size for path in files) < 100_000


# Captures.


def capture(sharing: Sharing, camera: SimulatedCamera, *qualities: str) -> Any:
    return watching(camera.url, *qualities, open_relay=partial(sharing.relay, "1"))


@contextmanager
def both(ann: Sharing, bob: Sharing, camera: SimulatedCamera, *qualities: str) -> Iterator[tuple[Watched, Watched]]:
    with capture(ann, camera, *qualities) as reading:
        until(lambda: bool(reading.frames), "the camera is read")
        with capture(bob, camera, *qualities) as following:
            until(lambda: bool(following.frames), "the pictures are handed on")
            assert following.capture.rate <= 20  # the group of before came at once
            yield reading, following


def add(simulator: Simulator, **settings: Any) -> SimulatedCamera:
    return simulator.add(SimulatedCamera("Yard", "yard", **{"width": 320, "height": 180, "fps": 15, **settings}))


def test_both_have_the_same_video_over_one_connection(ann: Sharing, bob: Sharing, simulator: Simulator) -> None:
    camera = add(simulator)
    with both(ann, bob, camera) as (reading, following):
        assert [*itertools.chain(*following.groups), *following.frames][0].flags & Flag.KEY
        until(lambda: len(following.video) > 40, "pictures come")
        mine, theirs = [[frame.data for frame in watched.video] for watched in (reading, following)]
        start = mine.index(theirs[0])
        assert theirs[:40] == mine[start : start + 40]
        assert camera.connections_total == 1
        assert following.conditions[-1].state is State.LIVE
        assert following.capture.rate > 5
        assert reading.capture.is_followed
        assert not following.capture.is_followed


@pytest.mark.parametrize("settings", [{}, {"codec": "h265"}, {"codec": "mjpeg"}, {"intra_refresh": True}])
def test_a_follower_makes_its_own_jpeg_of_every_codec(
    ann: Sharing, bob: Sharing, simulator: Simulator, settings: dict[str, Any]
) -> None:
    with both(ann, bob, add(simulator, width=640, height=360, **settings), "low") as (_, following):
        until(lambda: len(following.jpegs) >= 10, "pictures come")
        assert None not in clocks_of(following.jpegs[-5:])


def test_a_camera_that_is_lost_and_returns_is_told_to_the_follower(
    ann: Sharing, bob: Sharing, simulator: Simulator
) -> None:
    camera = add(simulator)
    with both(ann, bob, camera) as (_, following):
        camera.fault = Fault.REFUSE
        until(lambda: following.conditions[-1].failures >= 2, "the loss is known")
        lost = following.conditions[-1]
        assert (lost.state, bool(lost.cause)) == (State.RECONNECTING, True)
        camera.fault = Fault.NONE
        until(lambda: following.conditions[-1].state is State.LIVE, "it is back")
        frame: Frame = following.until_frame()
        assert frame.epoch > 0


def test_when_the_reader_stops_the_follower_reads(ann: Sharing, bob: Sharing, simulator: Simulator) -> None:
    camera = add(simulator)
    with capture(ann, camera) as reading:
        until(lambda: bool(reading.frames), "the camera is read")
        with capture(bob, camera) as following:
            until(lambda: bool(following.frames), "the pictures are handed on")
            reading.stop(5)
            following.until_frame(lambda frame: frame.epoch > 0)
            assert camera.connections == 1
            assert not any(condition.failures for condition in following.conditions)

"""The election of a camera's reader, and its followers: two workers on a real Redis."""

import threading
from contextlib import ExitStack

import pytest
import redis

from cameras.sources import CameraSource
from streaming.ingest import sharing
from streaming.ingest.access_units import AccessUnit
from streaming.ingest.shared_stream import Arrival, Loss
from streaming.ingest.sharing import Sharing
from tests.servers import RedisServer
from tests.streaming.ingest.simulated import until
from tests.streaming.ingest.workers import KEY, OTHER, SOURCE, Follower, followed, worker


def test_the_first_worker_reads_and_the_second_follows(ann: Sharing, bob: Sharing) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second:
        assert (first.reads, second.reads) == (True, False)
        until(lambda: first.followed, "the reader hears that it is followed")
        with bob.relay("2", SOURCE) as another:
            assert another.reads


def test_a_worker_with_the_new_address_does_not_follow_the_old_one(ann: Sharing, bob: Sharing) -> None:
    moved = CameraSource(SOURCE.url, "admin", "new password")
    with ann.relay("1", SOURCE) as first, bob.relay("1", moved) as second:
        assert first.reads
        assert second.reads


def test_a_follower_takes_over_at_once_when_the_reader_leaves(ann: Sharing, bob: Sharing) -> None:
    with ExitStack() as stay:
        with ann.relay("1", SOURCE):
            second = stay.enter_context(bob.relay("1", SOURCE))
            follower = stay.enter_context(Follower(second))
        until(lambda: second.reads, "the follower reads")  # long before the lease ends
        until(lambda: not follower.thread.is_alive(), "it follows no more")
        assert not follower.news


def test_units_arrive_in_order_from_the_keyframe_on(ann: Sharing, bob: Sharing) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.opened("h264", b"extra")
        for group in ([KEY], [KEY, OTHER], [KEY, OTHER, OTHER]):
            first.publish(group[-1], group)
        until(lambda: len(follower.units) == 3, "all have arrived")
        assert follower.units == [KEY, OTHER, OTHER]
        arrivals = [news for news in follower.news if isinstance(news, Arrival)]
        assert {(arrival.opening.codec, arrival.opening.extradata) for arrival in arrivals} == {("h264", b"extra")}


def test_a_later_follower_gets_the_current_gop_and_nothing_before_it(
    redis_server: RedisServer, ann: Sharing, bob: Sharing
) -> None:
    with followed(ann, bob) as (first, early):
        for group in ([KEY], [KEY, OTHER], [KEY], [KEY, OTHER], [KEY, OTHER, OTHER]):
            first.publish(group[-1], group)
        until(lambda: early.units[-2:] == [OTHER, OTHER], "the last group is there")
        with worker(redis_server, "cid") as late, late.relay("1", SOURCE) as third, Follower(third) as follower:
            until(lambda: len(follower.units) >= 3, "the last group is there")
            assert follower.units == [KEY, OTHER, OTHER]


def test_a_gap_is_closed_by_publishing_the_gop_again(ann: Sharing, bob: Sharing) -> None:
    with followed(ann, bob) as (first, follower):
        first.publish(KEY, [KEY])
        until(lambda: len(follower.units) == 1, "the key has arrived")
        first.followed = False
        first.publish(OTHER, [KEY, OTHER])  # is lost
        first.followed = True
        third = AccessUnit(b"third", False, 3)
        first.publish(third, [KEY, OTHER, third])
        until(lambda: len(follower.units) == 3, "what was lost has come with the group")
        assert follower.units == [KEY, OTHER, third]


def test_a_later_follower_is_told_of_a_loss_and_its_cause(ann: Sharing, bob: Sharing) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second:
        until(lambda: first.followed, "the reader is followed")
        first.publish_loss(1, "Très loin.")
        with Follower(second) as follower:
            until(lambda: bool(follower.news), "the loss is known")
            assert follower.news == [Loss(1, "Très loin.")]


def test_a_reader_that_was_paused_publishes_nothing_and_follows(
    redis_server: RedisServer, ann: Sharing, bob: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "READER_LEASE_MS", 1000)
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second:
        until(lambda: first.followed, "the reader is followed")
        # No election meanwhile.
        monkeypatch.setattr(ann.store, "wait_for_any", lambda lists, wait: threading.Event().wait(3))
        until(lambda: second.reads, "the lease has ended")
        assert first.reads
        with worker(redis_server, "cid") as late, late.relay("1", SOURCE) as third, Follower(third) as follower:
            first.opened("h264", b"")
            first.publish(KEY, [KEY])
            until(lambda: not first.reads, "its picture is refused")
            assert not follower.news


def test_a_reader_that_cannot_open_the_camera_lets_a_follower_try(ann: Sharing, bob: Sharing) -> None:
    """The cause may be the network of its host."""
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second, Follower(second) as follower:
        until(lambda: first.followed, "the reader is followed")
        first.publish_loss(1, "Far away.")
        until(lambda: bool(follower.news), "the loss is known")
        first.publish_loss(2, "Far away.")
        until(lambda: second.reads, "the other one tries")
        assert not first.reads


def test_a_reader_without_followers_keeps_trying(ann: Sharing) -> None:
    with ann.relay("1", SOURCE) as relay:
        relay.publish_loss(9, "Far away.")
        assert relay.reads


def test_queued_pictures_do_not_renew_the_lease_of_a_reader_that_has_left(ann: Sharing, bob: Sharing) -> None:
    with bob.relay("2", SOURCE), ExitStack() as stay:
        with ann.relay("1", SOURCE) as first:
            second = stay.enter_context(bob.relay("1", SOURCE))
            stay.enter_context(Follower(second))
            until(lambda: first.followed, "the reader is followed")
            first.opened("h264", b"")
            for number in range(300):
                first.publish(AccessUnit(bytes(20_000), True, number), [KEY])
        until(lambda: second.reads, "the follower reads")


def test_followers_are_told_of_a_gap_in_a_gop_that_is_not_kept(ann: Sharing, bob: Sharing) -> None:
    with followed(ann, bob) as (first, follower):
        first.publish(OTHER, [])
        until(lambda: len(follower.units) == 1, "a picture arrives")
        first.followed = False
        first.publish(OTHER, [])  # is lost
        first.followed = True
        first.publish(OTHER, [])
        until(lambda: len(follower.units) == 2, "the next one arrives")
        arrivals = [news for news in follower.news if isinstance(news, Arrival)]
        assert arrivals[-1].gap


def test_scripts_that_redis_has_forgotten_are_loaded_again(
    ann: Sharing, bob: Sharing, redis_server: RedisServer
) -> None:
    with followed(ann, bob) as (first, follower):
        first.publish(KEY, [KEY])
        until(lambda: len(follower.units) == 1, "a picture arrives")
        redis.Redis.from_url(redis_server.url).script_flush()
        first.publish(KEY, [KEY])
        until(lambda: len(follower.units) == 2, "the next one arrives")


def test_each_worker_reads_without_redis_and_one_reads_afterwards(
    ann: Sharing, bob: Sharing, redis_server: RedisServer
) -> None:
    with ann.relay("1", SOURCE) as first, bob.relay("1", SOURCE) as second:
        redis_server.kill()
        until(lambda: first.reads and second.reads, "each reads", 5)
        redis_server.start()
        until(lambda: first.reads is not second.reads, "one follows", 5)

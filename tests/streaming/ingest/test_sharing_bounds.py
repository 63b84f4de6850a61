"""The limits of shared pictures in Redis and on its disk."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from streaming.ingest import outbox, relay, sharing
from streaming.ingest.access_units import AccessUnit
from streaming.ingest.relay import Relay
from streaming.ingest.sharing import Sharing
from tests.servers import RedisServer
from tests.streaming.ingest.simulated import until
from tests.streaming.ingest.workers import KEY, OTHER, SOURCE, Follower, followed, worker


def test_pictures_are_dropped_up_to_a_keyframe_while_redis_is_too_slow(
    ann: Sharing, bob: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with followed(ann, bob) as (first, follower):
        monkeypatch.setattr(outbox, "MOST_WAITING", -1)
        first.publish(KEY, [KEY])
        monkeypatch.setattr(outbox, "MOST_WAITING", 1_000_000)
        first.publish(OTHER, [KEY, OTHER])
        first.publish(KEY, [KEY])
        first.publish(OTHER, [KEY, OTHER])
        until(lambda: len(follower.units) == 2, "the group arrives")
        assert follower.units == [KEY, OTHER]


def held(redis_server: RedisServer) -> int:
    """Returns the bytes of all keys in this Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        return sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter())


def publish_all(relay: Relay, follower: Follower, units: list[AccessUnit], group: list[AccessUnit]) -> None:
    """Publish the units one by one, and wait until each has arrived."""
    for number, unit in enumerate(units, start=len(follower.units) + 1):
        relay.publish(unit, [*group, unit] if group else [])
        until(lambda number=number: len(follower.units) == number, "the picture arrives")


@pytest.mark.parametrize("group", [[], [KEY]], ids=["too long to be kept", "kept"])
def test_the_bytes_of_a_camera_in_redis_are_bounded_and_followers_miss_nothing(
    ann: Sharing, bob: Sharing, redis_server: RedisServer, group: list[AccessUnit]
) -> None:
    large = [AccessUnit(bytes(5_000_000), False, number) for number in range(12)]
    with followed(ann, bob) as (first, follower):
        if group:
            first.publish(KEY, group)
            until(lambda: len(follower.units) == 1, "the key arrives")
        publish_all(first, follower, large, group)
        assert follower.units == [*group, *large]
        assert 5_000_000 < held(redis_server) < sharing.MOST_HELD + 100_000


def test_the_bytes_of_all_cameras_in_redis_are_bounded_and_each_has_its_part(
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


def test_a_picture_too_large_for_redis_is_dropped_up_to_a_keyframe(
    ann: Sharing, bob: Sharing, redis_server: RedisServer
) -> None:
    with followed(ann, bob) as (first, follower):
        huge = AccessUnit(bytes(relay.MAX_RELAYED_BYTES + 1), True, 1)
        first.publish(huge, [huge])
        first.publish(OTHER, [huge, OTHER])
        first.publish(KEY, [KEY])
        until(lambda: len(follower.units) == 1, "the key arrives")
        assert follower.units == [KEY]


def test_no_picture_is_written_to_the_append_only_file(tmp_path: Path) -> None:
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

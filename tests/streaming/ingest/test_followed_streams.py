"""A worker that follows cameras reads all of them on one connection."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis

from streaming.ingest import followed_streams
from streaming.ingest.followed_streams import MOST_UNTAKEN, FollowedStream, FollowedStreams
from streaming.ingest.relay import Relay
from streaming.ingest.sharing import Sharing
from streaming.store import connection
from streaming.store.scripts import MOST_IDLE, ThreadStore
from tests.servers import RedisServer
from tests.streaming.ingest.simulated import until
from tests.streaming.ingest.workers import KEY, OTHER, SOURCE, Follower, worker

MANY = [str(camera) for camera in range(1, 13)]
Pair = tuple[Relay, Relay]  # a camera's relays at ann and bob


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_server.url) as client:
        yield client


def shared(stay: ExitStack, ann: Sharing, bob: Sharing, camera: str) -> Pair:
    """A camera that one of the two reads, and the other follows."""
    first, second = (stay.enter_context(each.relay(camera, SOURCE)) for each in (ann, bob))
    until(lambda: first.followed, "the reader is followed")
    first.opened("h264", b"")
    return first, second


def blocked(client: "redis.Redis") -> list[str]:
    """The commands that wait in Redis."""
    return [each["cmd"] for each in client.client_list() if "b" in each["flags"]]


def test_many_cameras_are_followed_on_one_connection(ann: Sharing, bob: Sharing, client: "redis.Redis") -> None:
    with ExitStack() as stay:
        pairs = [shared(stay, ann, bob, camera) for camera in MANY]
        followers = [stay.enter_context(Follower(second)) for _, second in pairs]
        for number, group in enumerate(([KEY], [KEY, OTHER], [KEY, OTHER, OTHER]), start=1):
            for first, _ in pairs:
                first.publish(group[-1], group)
            for follower in followers:
                until(lambda follower=follower, number=number: len(follower.units) == number, "the picture arrives")
        assert all(follower.units == [KEY, OTHER, OTHER] for follower in followers)
        until(lambda: "xread" in blocked(client), "the next picture is waited for")
        assert blocked(client).count("xread") == 1
        assert len(client.client_list()) <= 2 * (MOST_IDLE + 3) + 1 < len(MANY) + 2 * 3


def test_a_camera_that_joins_is_read_at_once_though_the_others_are_silent(
    redis_server: RedisServer, client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REPLY_TIMEOUT", 60)
    monkeypatch.setattr(followed_streams, "LONGEST_WAIT", 50)  # far longer than the test waits
    with worker(redis_server, "ann") as ann, worker(redis_server, "bob") as bob, ExitStack() as stay:
        _, silent = shared(stay, ann, bob, "1")
        leaving = stay.enter_context(ExitStack())
        leaving.enter_context(Follower(silent))
        until(lambda: "xread" in blocked(client), "the silent camera is waited for")
        first, second = shared(stay, ann, bob, "2")
        follower = stay.enter_context(Follower(second))
        until(lambda: blocked(client).count("xread") == 1, "both are waited for")
        first.publish(KEY, [KEY])
        until(lambda: follower.units == [KEY], "the picture arrives")
        leaving.close()  # a camera ends
        first.publish(OTHER, [KEY, OTHER])
        until(lambda: follower.units == [KEY, OTHER], "the other one goes on")


def test_followers_go_on_after_their_connections_were_cut(ann: Sharing, bob: Sharing, client: "redis.Redis") -> None:
    with ExitStack() as stay:
        pairs = [shared(stay, ann, bob, camera) for camera in MANY[:3]]
        followers = [stay.enter_context(Follower(second)) for _, second in pairs]
        until(lambda: "xread" in blocked(client), "pictures are waited for")
        client.client_kill_filter(_type="normal", skipme=True)
        for (first, _), follower in zip(pairs, followers, strict=True):
            first.publish(KEY, [KEY])
            # A message that was on its way is published again with the next picture.
            until(
                lambda first=first, follower=follower: follower.units or first.publish(OTHER, [KEY, OTHER]), "arrives"
            )
            assert follower.units[0] == KEY


def test_pictures_of_all_cameras_arrive_after_a_restart_of_redis(
    ann: Sharing, bob: Sharing, redis_server: RedisServer
) -> None:
    with ExitStack() as stay:
        pairs = [shared(stay, ann, bob, camera) for camera in MANY[:3]]
        followers = [stay.enter_context(Follower(second)) for _, second in pairs]
        redis_server.kill()
        until(lambda: all(first.reads and second.reads for first, second in pairs), "each worker reads")
        until(lambda: not any(follower.thread.is_alive() for follower in followers), "nobody follows")
        redis_server.start()
        for pair in pairs:
            until(lambda pair=pair: sorted(each.reads for each in pair) == [False, True], "one follows")
            second, first = sorted(pair, key=lambda each: each.reads)
            follower = stay.enter_context(Follower(second))
            until(lambda first=first: first.followed, "the reader is followed")
            first.opened("h264", b"")
            first.publish(KEY, [KEY])
            until(lambda follower=follower: follower.units == [KEY], "the picture arrives")


# The streams themselves.


@pytest.fixture
def store(redis_server: RedisServer) -> Iterator[ThreadStore]:
    store = ThreadStore(redis_server.url)
    yield store
    store.close()


@pytest.fixture
def streams(store: ThreadStore) -> Iterator[FollowedStreams]:
    streams = FollowedStreams(store, "bob")
    yield streams
    streams.close()


def add(client: "redis.Redis", stream: str, key: str, data: bytes = b"") -> None:
    client.xadd(stream, {"key": key, "data": data})


def test_the_gop_at_the_start_does_not_take_the_connection_of_the_other_cameras(
    streams: FollowedStreams, client: "redis.Redis"
) -> None:
    add(client, "yard", "1")
    add(client, "yard", "0")
    with streams.stream("yard") as stream:  # no thread reads
        assert [fields[b"key"] for fields in stream.take(0)] == [b"1", b"0"]


def test_a_slow_capture_continues_with_the_newest_keyframe() -> None:
    stream = FollowedStream("yard")
    for number, key in enumerate([b"1", b"0", b"1", b"0"]):
        stream.put([(b"%d" % number, {b"key": key, b"number": b"%d" % number})])
    assert [fields[b"number"] for fields in stream.take(0)] == [b"2", b"3"]
    stream.put([(b"4", {b"key": b"0"}), (b"5", {b"failures": b"1"})])
    assert stream.take(0) == [{b"failures": b"1"}]


def test_a_capture_that_takes_nothing_fills_no_memory_and_delays_no_other(
    streams: FollowedStreams, client: "redis.Redis"
) -> None:
    with streams.stream("slow") as slow, streams.stream("quick") as quick:
        slow.put([(b"1-0", {b"key": b"1", b"data": bytes(MOST_UNTAKEN + 1)})])
        thread = threading.Thread(target=streams.read_forever)
        thread.start()
        try:
            add(client, "slow", "0")
            for _ in range(3):
                add(client, "quick", "1")
                until(lambda: bool(quick.take(0.1)), "the other camera's picture arrives")
            assert len(slow.take(0)) == 1
            until(lambda: bool(slow.take(0.1)), "the rest is read afterwards")
        finally:
            streams.close()
            thread.join(5)
        assert not thread.is_alive()

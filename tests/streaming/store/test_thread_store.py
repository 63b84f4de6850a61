"""The store for threads: own answers, loss, silence, slow links."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import hiredis
import pytest

from streaming.errors import GateUnavailableError
from streaming.store.connection import REPLY_TIMEOUT, ThreadWire
from streaming.store.scripts import MOST_IDLE, ThreadStore
from tests.servers import RedisServer
from tests.streaming.ingest.simulated import until


@pytest.fixture
def thread_store(redis_server: RedisServer) -> Iterator[ThreadStore]:
    store = ThreadStore(redis_server.url)
    yield store
    store.close()


def once(store: ThreadStore) -> list[object]:
    return store.run("reports/claim_turn", ["nvr:{gate}:test"], ["token", 1000])


def test_a_script_that_redis_has_been_told_to_forget_is_sent_again(thread_store: ThreadStore) -> None:
    once(thread_store)
    thread_store.call("SCRIPT", "FLUSH")
    assert thread_store.run_all(
        "reports/claim_turn", [(["nvr:{gate}:a"], ["a", 1000]), (["nvr:{gate}:b"], ["b", 1000])]
    )


def test_a_thread_s_connection_that_breaks_between_two_calls_is_not_noticed(thread_store: ThreadStore) -> None:
    once(thread_store)
    thread_store.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
    once(thread_store)


def test_a_thread_is_told_what_redis_refuses_and_goes_on_on_the_same_connection(thread_store: ThreadStore) -> None:
    before = thread_store.call("CLIENT", "ID")
    with pytest.raises(GateUnavailableError):
        thread_store.call("no command")
    assert thread_store.call("CLIENT", "ID") == before


def test_few_connections_stay_after_many_threads_have_called_at_once(thread_store: ThreadStore) -> None:
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda number: thread_store.wait_for_any([f"nvr:{number}"], 0.2), range(12)))
    until(lambda: len(thread_store.call("CLIENT", "LIST").splitlines()) == MOST_IDLE, "the others are closed")


@pytest.mark.timing("measures how long a call on a silent Redis takes")
def test_a_thread_is_told_in_time_that_redis_says_nothing_or_is_gone(
    thread_store: ThreadStore, redis_server: RedisServer
) -> None:
    once(thread_store)
    assert redis_server.process is not None
    redis_server.process.signal(signal.SIGSTOP)
    started = time.monotonic()
    try:
        with pytest.raises(GateUnavailableError):
            once(thread_store)
    finally:
        redis_server.process.signal(signal.SIGCONT)
    assert time.monotonic() - started < 2 * REPLY_TIMEOUT
    once(thread_store)
    redis_server.kill()
    with pytest.raises(GateUnavailableError):
        once(thread_store)
    redis_server.start()
    once(thread_store)


def test_a_thread_connects_as_often_as_it_is_cut_off(thread_store: ThreadStore) -> None:
    for _ in range(150):
        assert thread_store.call("PING")
        thread_store.close()
    assert thread_store.call("CLIENT", "LIST").count(b"\n") == 1


class SlowConnection:
    """A Redis behind a slow link: it reads bit by bit, and replies after the last byte."""

    def __init__(self, total: int) -> None:
        self._sock, self._theirs = socket.socketpair()
        self._sock.settimeout(REPLY_TIMEOUT)
        for end in (self._sock, self._theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        self._total = total
        self._thread = threading.Thread(target=self._take)

    def connect(self) -> None:
        self._thread.start()

    def _take(self) -> None:
        taken = 0
        while taken < self._total:
            time.sleep(REPLY_TIMEOUT / 10)
            taken += len(self._theirs.recv(65_536))
        self._theirs.sendall(b"+OK\r\n")

    def disconnect(self) -> None:
        self._thread.join()
        self._sock.close()
        self._theirs.close()


def test_a_thread_may_send_much_over_a_slow_link() -> None:
    """The timeout bounds silence, not a whole batch."""
    command = ("SET", "key", bytes(2_000_000))
    wire = ThreadWire(SlowConnection(len(hiredis.pack_command(command))))  # type: ignore[arg-type]
    started = time.monotonic()
    assert wire.ask([command]) == [b"OK"]
    assert time.monotonic() - started > 2 * REPLY_TIMEOUT
    wire.close()


def test_threads_that_ask_at_the_same_time_get_their_own_answers(thread_store: ThreadStore) -> None:
    def ask(number: int) -> bool:
        return all(thread_store.call("ECHO", f"{number}") == b"%d" % number for _ in range(50))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(8)))
    thread_store.close()
    assert thread_store.call("CLIENT", "LIST").count(b"\n") == 1


def test_a_thread_s_server_that_became_a_replica_is_left(thread_store: ThreadStore) -> None:
    once(thread_store)
    before = thread_store.call("CLIENT", "ID")
    thread_store.call("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(GateUnavailableError):
        once(thread_store)
    thread_store.call("REPLICAOF", "NO", "ONE")
    assert thread_store.call("CLIENT", "ID") != before

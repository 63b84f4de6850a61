"""Hashing passwords in a queue."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from pytest_django import Settings

from nvr import passwords
from nvr.passwords import NICENESS, PLACES, QueuedPBKDF2PasswordHasher, TooManyLogIns

ROUNDS = 1000


@pytest.fixture(autouse=True)
def _hashers(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["nvr.passwords.QueuedPBKDF2PasswordHasher"]


@pytest.fixture
def request_thread() -> Iterator[ThreadPoolExecutor]:
    """A thread such as that of a worker's request."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_hashes_are_compatible_with_django(monkeypatch: pytest.MonkeyPatch, request_thread: ThreadPoolExecutor) -> None:
    monkeypatch.setattr(passwords, "TIMEOUT", 60)
    salt = "a salt of some length"
    old = PBKDF2PasswordHasher().encode("secret", salt)
    run = request_thread.submit
    assert run(check_password, "secret", old).result()
    assert not run(check_password, "guess", old).result()
    assert run(QueuedPBKDF2PasswordHasher().encode, "secret", salt).result() == old
    assert run(make_password, "secret").result().startswith("pbkdf2_sha256$")


def test_a_full_queue_refuses_at_once_and_works_again_when_it_has_room(request_thread: ThreadPoolExecutor) -> None:
    hasher = QueuedPBKDF2PasswordHasher()
    for _ in range(PLACES):
        assert passwords._places.acquire(timeout=20)
    try:
        with pytest.raises(TooManyLogIns):
            request_thread.submit(hasher.encode, "secret", "salt", ROUNDS).result()
    finally:
        passwords._places.release(PLACES)
    assert request_thread.submit(hasher.encode, "secret", "salt", ROUNDS).result()


def test_a_wait_times_out_and_frees_its_place(
    monkeypatch: pytest.MonkeyPatch, request_thread: ThreadPoolExecutor
) -> None:
    go, hasher = threading.Event(), QueuedPBKDF2PasswordHasher()
    passwords._pool.submit(go.wait)
    monkeypatch.setattr(passwords, "TIMEOUT", 0.01)
    try:
        for _ in range(PLACES + 1):
            with pytest.raises(TooManyLogIns):
                request_thread.submit(hasher.encode, "secret", "salt", ROUNDS).result()
    finally:
        go.set()


def test_a_command_is_not_refused_while_the_machine_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    passwords._pool.submit(go.wait)
    monkeypatch.setattr(passwords, "TIMEOUT", 0.01)
    try:
        assert QueuedPBKDF2PasswordHasher().encode("secret", "salt", ROUNDS)  # in the main thread, as manage.py does
    finally:
        go.set()


def test_the_hashing_thread_has_low_priority() -> None:
    thread = passwords._pool.submit(threading.get_native_id).result(20)
    fields = Path(f"/proc/self/task/{thread}/stat").read_text().rpartition(")")[2].split()
    own = Path(f"/proc/self/task/{threading.get_native_id()}/stat").read_text().rpartition(")")[2].split()
    assert (int(fields[16]), int(own[16])) == (NICENESS, 0)

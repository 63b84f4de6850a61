"""Hashing passwords in a queue."""

import threading
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


def test_hashes_are_compatible_with_django(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "TIMEOUT", 60)
    salt = "a salt of some length"
    old = PBKDF2PasswordHasher().encode("secret", salt)
    assert check_password("secret", old)
    assert not check_password("guess", old)
    assert QueuedPBKDF2PasswordHasher().encode("secret", salt) == old
    assert make_password("secret").startswith("pbkdf2_sha256$")


def test_a_full_queue_refuses_at_once_and_works_again_when_it_has_room() -> None:
    hasher = QueuedPBKDF2PasswordHasher()
    for _ in range(PLACES):
        assert passwords._places.acquire(timeout=20)
    try:
        with pytest.raises(TooManyLogIns):
            hasher.encode("secret", "salt", ROUNDS)
    finally:
        passwords._places.release(PLACES)
    assert hasher.encode("secret", "salt", ROUNDS)


def test_a_wait_times_out_and_frees_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    go, hasher = threading.Event(), QueuedPBKDF2PasswordHasher()
    passwords._pool.submit(go.wait)
    monkeypatch.setattr(passwords, "TIMEOUT", 0.01)
    try:
        for _ in range(PLACES + 1):
            with pytest.raises(TooManyLogIns):
                hasher.encode("secret", "salt", ROUNDS)
    finally:
        go.set()


def test_the_hashing_thread_has_low_priority() -> None:
    thread = passwords._pool.submit(threading.get_native_id).result(20)
    fields = Path(f"/proc/self/task/{thread}/stat").read_text().rpartition(")")[2].split()
    own = Path(f"/proc/self/task/{threading.get_native_id()}/stat").read_text().rpartition(")")[2].split()
    assert (int(fields[16]), int(own[16])) == (NICENESS, 0)

"""Lock-out after failed log-ins, and the stored attempts."""

import re
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from nvr import logins
from nvr.passwords import TooManyLogIns
from tests.servers import PASSWORD

pytestmark = pytest.mark.django_db
OFFICE, STRANGER = "192.0.2.1", "192.0.2.2"


@pytest.fixture(autouse=True)
def _users() -> None:
    for name in ("viewer", "viewer2"):
        User.objects.create_user(name, password=PASSWORD)


def attempt(username: str, password: str = "guess", address: str = OFFICE, agent: str = "browser") -> int:  # noqa: S107
    form = {"username": username, "password": password}
    headers = {"user-agent": agent}
    return Client(REMOTE_ADDR=address, headers=headers).post("/accounts/login/", form).status_code


def test_a_hundred_failures_with_any_names_lock_out_one_address_and_no_other() -> None:
    for number in range(100):
        assert attempt(f"guess-{number}", address=STRANGER) == (200 if number < 99 else 429)
    assert attempt("viewer", PASSWORD, STRANGER) == 429
    assert attempt("viewer", PASSWORD) == 302


def test_an_office_behind_one_address_is_not_locked_out_by_typing_errors() -> None:
    for number in range(45):
        assert attempt(("viewer", "viewer2", "someone")[number % 3] if number < 27 else f"other-{number}") == 200
    assert attempt("viewer", PASSWORD) == 302


def test_ten_failures_lock_out_one_name_at_one_address() -> None:
    assert [attempt("viewer") for _ in range(10)] == [200] * 9 + [429]
    assert attempt("viewer", PASSWORD) == 429
    assert attempt("viewer", PASSWORD, STRANGER) == 302
    assert attempt("viewer2", PASSWORD) == 302


def test_a_success_does_not_reset_the_failures_of_the_address() -> None:
    for number in range(99):
        attempt(f"guess-{number}")
    assert attempt("viewer", PASSWORD) == 302
    assert attempt("one-more") == 429


def test_stored_data_does_not_grow_with_the_attempts() -> None:
    attempt("viewer")
    attempt("viewer")
    row = AccessAttempt.objects.get()
    assert (row.failures_since_start, row.get_data, row.post_data) == (2, "", "")
    for number in range(150):
        attempt("viewer", agent=f"agent-{number}")
    assert AccessAttempt.objects.count() == 9  # one, and eight with other agents until the lock closed


def test_old_failures_do_not_count_and_their_rows_are_deleted() -> None:
    for _ in range(10):
        attempt("viewer")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert attempt("viewer", PASSWORD) == 302
    assert not AccessAttempt.objects.exists()


def test_a_full_queue_of_hashes_is_answered_with_its_own_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise TooManyLogIns

    monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.encode", full)
    response = Client().post("/accounts/login/", {"username": "viewer", "password": PASSWORD})
    assert (response.status_code, response["Retry-After"]) == (429, str(logins.RETRY_AFTER))
    assert re.search("Too many log-ins at once", response.text)
    assert not AccessAttempt.objects.exists()

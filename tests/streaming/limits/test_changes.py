"""Changes of limits: which are stored, which are refused, and that the workers hear of them."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from pytest_django import Settings

from streaming.limits import changes, policy
from streaming.models import GroupLimit, LimitChange, UserLimit
from streaming.store import worker_events
from tests.servers import RedisServer, wait_until

pytestmark = pytest.mark.django_db

OnCommit = Callable[..., Any]


def refused(user: User, trial: bool = False, **values: Any) -> dict[str, list[str]]:
    before = LimitChange.objects.count()
    with pytest.raises(ValidationError) as error:
        changes.change(user, values, trial)
    assert LimitChange.objects.count() == before
    return error.value.message_dict


def test_a_change_keeps_the_limits_that_it_does_not_name(ada: User) -> None:
    changes.change(ada, {"max_concurrent": 5, "max_mbps": 20.5})
    changes.change(ada, {"max_per_camera": 2})
    found = policy.load()
    assert (found.max_concurrent, found.max_mbps, found.max_per_camera) == (5, 20.5, 2)
    assert found.stored == {"max_concurrent", "max_mbps", "max_per_camera"}


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_value_gives_a_limit_back_to_the_environment(ada: User, settings: Settings, nothing: object) -> None:
    changes.change(ada, {"max_concurrent": 5})
    changes.change(ada, {"max_concurrent": nothing})
    settings.STREAM_MAX_CONCURRENT = 8
    assert policy.load().max_concurrent == 8


def test_a_change_to_the_same_values_is_not_stored(
    ada: User, operators: Group, version: Callable[[], int], django_capture_on_commit_callbacks: OnCommit
) -> None:
    values = {"max_concurrent": 5, "max_mbps": 20.5, "reserved_slots": 1, "reserved_group": operators}
    changes.change(ada, values)
    trial = changes.change(ada, {"max_concurrent": 3}, trial=True)
    with django_capture_on_commit_callbacks(execute=True):
        for same in ({}, {"max_concurrent": "5"}, {"max_per_user": None}, values):
            assert changes.change(User.objects.create_user(f"bob {same}"), same) is None
        for same in ({}, {"max_concurrent": 3, "max_mbps": ""}):
            assert changes.change(ada, same, trial=True) is None
    assert (LimitChange.objects.count(), version(), policy.load().changed_by) == (2, 0, "ada")
    again = changes.change(ada, {"max_concurrent": 3}, trial=True, anew=True)
    assert trial and again and again.row.time > trial.row.time
    assert changes.end_trial(ada)
    assert changes.end_trial(ada) is None


# Refused values.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_concurrent", 0),
        ("max_concurrent", 100_001),
        ("max_concurrent", 2.5),
        ("max_concurrent", "ten"),
        ("max_concurrent", True),
        ("max_concurrent", [3]),
        ("max_mbps", -1),
        ("max_mbps", "nan"),
        ("max_mbps", 1_000_001),
        ("max_per_camera", -1),
        ("max_per_user", 100_001),
        ("max_per_address", 0),
        ("reserved_slots", -1),
        ("reserved_group", 4711),
        ("reserved_group", "guests"),
        ("volume", 11),
    ],
)
def test_a_wrong_value_is_refused_with_its_field_s_name_and_nothing_is_stored(ada: User, name: str, value: Any) -> None:
    assert list(refused(ada, **{name: value})) == [name]


@pytest.mark.parametrize("name", ["max_mbps", "max_per_camera", "max_per_user", "reserved_slots"])
def test_unlimited_cannot_be_tried(ada: User, name: str) -> None:
    assert refused(ada, trial=True, **{name: 0}) == {name: ["0 means unlimited, so a dry run would refuse nobody."]}


def test_all_wrong_fields_are_reported_together(ada: User) -> None:
    told = refused(ada, max_concurrent=0, max_mbps=-1, max_per_user=3)
    assert told == {
        "max_concurrent": ["Must be a whole number from 1 to 100000."],
        "max_mbps": ["Must be a number from 0 to 1000000."],
    }


def test_reserved_slots_must_be_less_than_the_total_whichever_is_changed(ada: User, operators: Group) -> None:
    assert list(refused(ada, reserved_slots=10, reserved_group=operators.pk)) == ["reserved_slots"]
    changes.change(ada, {"reserved_slots": 5, "reserved_group": operators.pk})
    assert refused(ada, max_concurrent=5) == {"max_concurrent": ["Must be more than the 5 slots reserved for a group."]}
    assert list(refused(ada, trial=True, max_concurrent=5)) == ["max_concurrent"]
    changes.change(ada, {"max_concurrent": 5, "reserved_slots": 4})
    assert policy.load().reserved_slots == 4


def test_slots_are_reserved_only_for_a_group_that_exists(ada: User, operators: Group) -> None:
    assert list(refused(ada, reserved_slots=2)) == ["reserved_group"]
    changes.change(ada, {"reserved_slots": 2, "reserved_group": operators})
    operators.delete()
    found = policy.load()
    assert (found.reserved_slots, found.deleted_group, found.stored) == (0, "Operators", frozenset())
    assert {policy.describe(found)[name]["source"] for name in policy.RESERVATION} == {"deleted"}
    changes.change(ada, {"max_concurrent": 8})  # which does not concern the deleted group
    assert policy.load().max_concurrent == 8
    assert policy.describe(policy.load())["reserved_slots"]["source"] == "environment"


def test_one_slot_stays_unreserved_if_the_environment_s_limit_is_lowered(
    ada: User, operators: Group, settings: Settings
) -> None:
    changes.change(ada, {"reserved_slots": 5, "reserved_group": operators})
    settings.STREAM_MAX_CONCURRENT = 3
    assert policy.load().reserved_slots == 2
    changes.change(ada, {"max_mbps": 50})  # which does not concern the reservation
    assert (policy.load().max_mbps, policy.load().reserved_slots) == (50, 2)
    assert list(refused(ada, max_concurrent=4)) == ["max_concurrent"]


# The announcement to workers.


def test_a_change_makes_a_new_version_in_redis_after_the_commit(
    ada: User, version: Callable[[], int], django_capture_on_commit_callbacks: OnCommit
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        changes.change(ada, {"max_concurrent": 3})
        assert version() == 0  # a worker that read them now would find the old limits
    first = version()
    with django_capture_on_commit_callbacks(execute=True):
        changes.change(ada, {"max_concurrent": 4}, trial=True)
    assert version() > first > 0


def test_versions_grow_even_if_redis_loses_its_data(version: Callable[[], int], redis_server: RedisServer) -> None:
    changes.announce()
    first = version()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    wait_until(lambda: time.time() * 1000 > first + 1, 1, "the clock moves on")
    changes.announce()
    assert version() > first


def test_limits_of_users_and_groups_and_a_deleted_group_make_new_versions(
    ada: User, operators: Group, version: Callable[[], int], django_capture_on_commit_callbacks: OnCommit
) -> None:
    seen = [version()]

    def did(action: Callable[[], object]) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            action()
        seen.append(version())

    did(lambda: UserLimit.objects.create(user=ada, max_streams=2))
    did(lambda: GroupLimit.objects.create(group=operators, max_streams=2))
    did(UserLimit.objects.get().delete)
    did(operators.delete)
    assert seen == sorted(set(seen))


def test_workers_are_told_of_a_change(
    ada: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: OnCommit
) -> None:
    events: list[worker_events.Event] = []
    monkeypatch.setattr(worker_events, "send_from_sync", events.append)
    with django_capture_on_commit_callbacks(execute=True):
        changes.change(ada, {"max_concurrent": 3})
    assert events == [{"type": "policy"}]


def test_a_change_is_stored_without_redis_too(
    ada: User, version: Callable[[], int], redis_server: RedisServer, django_capture_on_commit_callbacks: OnCommit
) -> None:
    redis_server.kill()
    with django_capture_on_commit_callbacks(execute=True):
        changes.change(ada, {"max_concurrent": 3})
    assert policy.load().max_concurrent == 3

"""The limits in force: environment below, database above, and who may change them."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.fixtures import DjangoAssertNumQueries

from streaming.limits import change_log, policy
from streaming.limits.user_limits import UserLimits, user_limits_of
from streaming.models import GroupLimit, LimitChange, UserLimit
from streaming.store import worker_events
from streaming.store.keys import POLICY
from tests.servers import RedisServer, wait_until

pytestmark = pytest.mark.django_db

OnCommit = Callable[..., Any]


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def operators() -> Group:
    return Group.objects.create(name="Operators")


@pytest.fixture
def version(redis_server: RedisServer, settings: Settings) -> Iterator[Callable[[], int]]:
    settings.REDIS_URL = redis_server.url
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield lambda: int(str(client.get(POLICY) or 0))


def refused(user: User, trial: bool = False, **values: Any) -> dict[str, list[str]]:
    before = LimitChange.objects.count()
    with pytest.raises(ValidationError) as error:
        policy.change(user, values, trial)
    assert LimitChange.objects.count() == before
    return error.value.message_dict


# Which limit counts.


def test_without_a_change_the_environment_s_limits_count(settings: Settings) -> None:
    settings.STREAM_MAX_CONCURRENT, settings.STREAM_MAX_MBPS, settings.STREAM_MAX_PER_CAMERA = 7, 12.5, 3
    found = policy.load()
    assert (found.max_concurrent, found.max_mbps, found.max_per_camera, found.max_per_user) == (7, 12.5, 3, 0)
    assert (found.reserved_slots, found.reserved_group, found.trial, found.changed_at) == (0, None, None, None)


def test_the_newest_change_counts_over_the_environment_and_says_who_and_when(ada: User, settings: Settings) -> None:
    policy.change(ada, {"max_concurrent": 5})
    row = policy.change(ada, {"max_concurrent": "3"})
    settings.STREAM_MAX_CONCURRENT = 50
    found = policy.load()
    assert (found.max_concurrent, found.changed_by) == (3, "ada")
    assert row and found.changed_at == row.time
    assert LimitChange.objects.count() == 2


def test_a_change_names_what_it_changes_and_leaves_the_rest(ada: User) -> None:
    policy.change(ada, {"max_concurrent": 5, "max_mbps": 20.5})
    policy.change(ada, {"max_per_camera": 2})
    found = policy.load()
    assert (found.max_concurrent, found.max_mbps, found.max_per_camera) == (5, 20.5, 2)
    assert found.stored == {"max_concurrent", "max_mbps", "max_per_camera"}


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_gives_a_limit_back_to_the_environment(ada: User, settings: Settings, nothing: object) -> None:
    policy.change(ada, {"max_concurrent": 5})
    policy.change(ada, {"max_concurrent": nothing})
    settings.STREAM_MAX_CONCURRENT = 8
    assert policy.load().max_concurrent == 8


def test_zero_is_a_limit_of_its_own_where_it_means_none(ada: User, settings: Settings) -> None:
    settings.STREAM_MAX_MBPS = 20
    policy.change(ada, {"max_mbps": 0})
    assert policy.load().max_mbps == 0


def test_a_trial_stands_beside_what_is_in_force_and_takes_the_rest_from_it(ada: User) -> None:
    policy.change(ada, {"max_concurrent": 9, "max_mbps": 50})
    policy.change(ada, {"max_concurrent": 4}, trial=True)
    policy.change(ada, {"max_mbps": 60})
    found = policy.load()
    assert (found.max_concurrent, found.max_mbps) == (9, 60)
    assert found.trial is not None
    assert (found.trial.max_concurrent, found.trial.max_mbps, found.trial.trial) == (4, 60, None)
    policy.end_trial(ada)
    assert policy.load().trial is None
    assert policy.load().max_concurrent == 9


def test_what_changes_nothing_leaves_no_trace(
    ada: User, operators: Group, version: Callable[[], int], django_capture_on_commit_callbacks: OnCommit
) -> None:
    values = {"max_concurrent": 5, "max_mbps": 20.5, "reserved_slots": 1, "reserved_group": operators}
    policy.change(ada, values)
    trial = policy.change(ada, {"max_concurrent": 3}, trial=True)
    with django_capture_on_commit_callbacks(execute=True):
        for same in ({}, {"max_concurrent": "5"}, {"max_per_user": None}, values):
            assert policy.change(User.objects.create_user(f"bob {same}"), same) is None
        for same in ({}, {"max_concurrent": 3, "max_mbps": ""}):
            assert policy.change(ada, same, trial=True) is None
    assert (LimitChange.objects.count(), version(), policy.load().changed_by) == (2, 0, "ada")
    again = policy.change(ada, {"max_concurrent": 3}, trial=True, anew=True)
    assert trial and again and again.time > trial.time
    assert policy.end_trial(ada)
    assert policy.end_trial(ada) is None


@pytest.mark.parametrize(("mbps", "kbps"), [(0, 0), (0.0001, 1), (0.0004, 1), (0.5, 500), (20.5, 20_500)])
def test_the_smallest_budget_is_one_too_and_none_is_none(ada: User, mbps: float, kbps: int) -> None:
    policy.change(ada, {"max_mbps": mbps})
    assert policy.load().budget == kbps


def test_the_limits_are_read_in_four_queries(
    ada: User, operators: Group, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    UserLimit.objects.create(user=ada, max_streams=2)
    GroupLimit.objects.create(group=operators, max_streams=4)
    policy.change(ada, {"max_concurrent": 9, "reserved_slots": 2, "reserved_group": operators})
    policy.change(ada, {"max_concurrent": 4}, trial=True)
    with django_assert_num_queries(4):
        found = policy.load()
    assert (found.user_limits, found.group_limits) == ({str(ada.pk): 2}, {operators.pk: 4})
    assert found.reserved_group == operators.pk


def test_a_description_tells_value_default_source_and_trial_of_each_limit(ada: User, settings: Settings) -> None:
    settings.STREAM_MAX_PER_CAMERA = 6
    policy.change(ada, {"max_concurrent": 9})
    policy.change(ada, {"max_concurrent": 4}, trial=True)
    told = policy.describe(policy.load())
    assert list(told) == list(policy.LABELS)
    assert told["max_concurrent"] == {
        "label": "Streams at once",
        "value": 9,
        "default": 10,
        "source": "database",
        "minimum": 1,
        "maximum": 100_000,
        "trial": 4,
    }
    camera = told["max_per_camera"]
    assert (camera["value"], camera["source"], camera["minimum"], camera["trial"]) == (6, "environment", 0, None)


# What is refused.


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
def test_a_wrong_value_is_refused_by_its_field_s_name_and_nothing_is_stored(ada: User, name: str, value: Any) -> None:
    assert list(refused(ada, **{name: value})) == [name]


@pytest.mark.parametrize("name", ["max_mbps", "max_per_camera", "max_per_user", "reserved_slots"])
def test_no_limit_cannot_be_tried(ada: User, name: str) -> None:
    assert refused(ada, trial=True, **{name: 0}) == {name: ["0 is no limit: nobody would be refused by it."]}


def test_every_wrong_field_is_told_at_once(ada: User) -> None:
    told = refused(ada, max_concurrent=0, max_mbps=-1, max_per_user=3)
    assert told == {
        "max_concurrent": ["Must be a whole number from 1 to 100000."],
        "max_mbps": ["Must be a number from 0 to 1000000."],
    }


def test_reserved_slots_are_fewer_than_the_streams_at_once_whichever_is_changed(ada: User, operators: Group) -> None:
    assert list(refused(ada, reserved_slots=10, reserved_group=operators.pk)) == ["reserved_slots"]
    policy.change(ada, {"reserved_slots": 5, "reserved_group": operators.pk})
    assert refused(ada, max_concurrent=5) == {"max_concurrent": ["Must be more than the 5 slots reserved for a group."]}
    assert list(refused(ada, trial=True, max_concurrent=5)) == ["max_concurrent"]
    policy.change(ada, {"max_concurrent": 5, "reserved_slots": 4})
    assert policy.load().reserved_slots == 4


def test_slots_are_reserved_for_somebody_or_not_at_all(ada: User, operators: Group) -> None:
    assert list(refused(ada, reserved_slots=2)) == ["reserved_group"]
    policy.change(ada, {"reserved_slots": 2, "reserved_group": operators})
    operators.delete()
    found = policy.load()
    assert (found.reserved_slots, found.deleted_group, found.stored) == (0, "Operators", frozenset())
    assert {policy.describe(found)[name]["source"] for name in policy.RESERVATION} == {"deleted"}
    policy.change(ada, {"max_concurrent": 8})  # which does not ask for the group that is gone
    assert policy.load().max_concurrent == 8
    assert policy.describe(policy.load())["reserved_slots"]["source"] == "environment"


def test_an_environment_lowered_later_leaves_a_slot_that_is_not_reserved(
    ada: User, operators: Group, settings: Settings
) -> None:
    policy.change(ada, {"reserved_slots": 5, "reserved_group": operators})
    settings.STREAM_MAX_CONCURRENT = 3
    assert policy.load().reserved_slots == 2
    policy.change(ada, {"max_mbps": 50})  # which has nothing to do with it
    assert (policy.load().max_mbps, policy.load().reserved_slots) == (50, 2)
    assert list(refused(ada, max_concurrent=4)) == ["max_concurrent"]


def test_the_log_tells_what_was_before_however_much_was_tried_since_and_whole_numbers(ada: User) -> None:
    policy.change(ada, {"max_mbps": 999_999.5})
    for _ in range(3):
        policy.change(ada, {"max_concurrent": 5}, trial=True)
        policy.end_trial(ada)
    policy.change(ada, {"max_mbps": 1_000_000})
    newest = change_log.log(change_log.rows(), 1)
    assert [entry["text"] for entry in newest] == ["Mbit/s of all streams: 999999.5 → 1000000"]


# For whom.


def test_a_user_s_own_rule_counts_then_the_highest_of_his_groups_then_everybody_s(ada: User, operators: Group) -> None:
    guests = Group.objects.create(name="Guests")
    policy.change(ada, {"max_per_user": 3})

    def limit() -> int:
        return user_limits_of(policy.load(), User.objects.get(pk=ada.pk)).streams

    assert limit() == 3
    GroupLimit.objects.create(group=operators, max_streams=1)
    assert limit() == 3
    ada.groups.add(operators, guests)
    assert limit() == 1
    GroupLimit.objects.create(group=guests, max_streams=8)
    assert limit() == 8
    UserLimit.objects.create(user=ada, max_streams=2)
    assert limit() == 2


def test_operators_are_the_members_of_the_group_with_reserved_slots(ada: User, operators: Group) -> None:
    bob = User.objects.create_superuser("bob")
    ada.groups.add(operators)
    assert not user_limits_of(policy.load(), ada).operator
    policy.change(bob, {"reserved_slots": 1, "reserved_group": operators})
    found = policy.load()
    assert user_limits_of(found, ada).operator
    assert not user_limits_of(found, bob).operator
    assert not user_limits_of(found, AnonymousUser()).operator


def test_an_admission_asks_for_a_user_s_groups_once_and_only_where_they_matter(
    ada: User, operators: Group, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    plain = policy.load()
    with django_assert_num_queries(0):
        assert user_limits_of(plain, ada) == UserLimits(0, False)
    GroupLimit.objects.create(group=operators, max_streams=1)
    policy.change(ada, {"reserved_slots": 1, "reserved_group": operators})
    policy.change(ada, {"max_concurrent": 3}, trial=True)
    ada.groups.add(operators)
    found = policy.load()
    with django_assert_num_queries(1):
        assert user_limits_of(found, ada) == UserLimits(1, True, trial=UserLimits(1, True))


def test_a_deleted_user_s_changes_stay_under_his_name(ada: User) -> None:
    policy.change(ada, {"max_concurrent": 3})
    ada.delete()
    found = policy.load()
    assert (found.max_concurrent, found.changed_by) == (3, "ada")
    assert LimitChange.objects.get().user is None


# Who hears of it.


def test_a_change_makes_a_new_version_in_redis_once_it_is_stored(
    ada: User, version: Callable[[], int], django_capture_on_commit_callbacks: OnCommit
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        policy.change(ada, {"max_concurrent": 3})
        assert version() == 0  # a worker that looked now would find the old limits
    first = version()
    with django_capture_on_commit_callbacks(execute=True):
        policy.change(ada, {"max_concurrent": 4}, trial=True)
    assert version() > first > 0


def test_versions_grow_over_a_loss_of_redis_s_data(version: Callable[[], int], redis_server: RedisServer) -> None:
    policy.announce()
    first = version()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    wait_until(lambda: time.time() * 1000 > first + 1, 1, "the clock moves on")
    policy.announce()
    assert version() > first


def test_rules_of_users_and_groups_and_a_deleted_group_make_new_versions_too(
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
        policy.change(ada, {"max_concurrent": 3})
    assert events == [{"type": "policy"}]


def test_without_redis_a_change_is_stored_all_the_same(
    ada: User, version: Callable[[], int], redis_server: RedisServer, django_capture_on_commit_callbacks: OnCommit
) -> None:
    redis_server.kill()
    with django_capture_on_commit_callbacks(execute=True):
        policy.change(ada, {"max_concurrent": 3})
    assert policy.load().max_concurrent == 3


# In the database and the administration.


@pytest.mark.parametrize("codename", ["view_system", "change_limits", "stop_stream"])
def test_the_permissions_of_the_system_page_exist(codename: str) -> None:
    permission = Permission.objects.get(content_type__app_label="streaming", codename=codename)
    user = User.objects.create_user("staff")
    user.user_permissions.add(permission)
    assert user.has_perm(f"streaming.{codename}")


def test_the_migrations_are_complete() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_staff_with_the_permission_edit_rules_in_the_administration(admin_client: Client, ada: User) -> None:
    page = reverse("admin:streaming_userlimit_add")
    assert "greater than or equal to 1" in admin_client.post(page, {"user": ada.pk, "max_streams": 0}).text
    assert not UserLimit.objects.exists()
    assert admin_client.post(page, {"user": ada.pk, "max_streams": 4}).status_code == 302
    assert UserLimit.objects.get().max_streams == 4
    assert "ada" in admin_client.get(reverse("admin:streaming_userlimit_changelist")).text
    assert admin_client.get(reverse("admin:streaming_grouplimit_add")).status_code == 200

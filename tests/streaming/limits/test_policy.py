"""The limits in force: the environment's, and above them the stored ones."""

import pytest
from django.contrib.auth.models import Group, User
from pytest_django import Settings
from pytest_django.fixtures import DjangoAssertNumQueries

from streaming.checks import timings
from streaming.limits import changes, policy
from streaming.models import GroupLimit, LimitChange, UserLimit

pytestmark = pytest.mark.django_db


def test_the_environment_s_limits_are_in_force_without_a_change(settings: Settings) -> None:
    settings.STREAM_MAX_CONCURRENT, settings.STREAM_MAX_MBPS, settings.STREAM_MAX_PER_CAMERA = 7, 12.5, 3
    found = policy.load()
    assert (found.max_concurrent, found.max_mbps, found.max_per_camera, found.max_per_user) == (7, 12.5, 3, 0)
    assert (found.reserved_slots, found.reserved_group, found.trial, found.changed_at) == (0, None, None, None)


def test_the_newest_change_is_in_force_with_its_time_and_user(ada: User, settings: Settings) -> None:
    changes.change(ada, {"max_concurrent": 5})
    stored = changes.change(ada, {"max_concurrent": "3"})
    settings.STREAM_MAX_CONCURRENT = 50
    found = policy.load()
    assert (found.max_concurrent, found.changed_by) == (3, "ada")
    assert stored and found.changed_at == stored.row.time
    assert LimitChange.objects.count() == 2


def test_a_stored_0_means_unlimited_whatever_the_environment_says(ada: User, settings: Settings) -> None:
    settings.STREAM_MAX_MBPS = 20
    changes.change(ada, {"max_mbps": 0})
    assert policy.load().max_mbps == 0


def test_a_trial_takes_its_other_limits_from_the_policy_in_force(ada: User) -> None:
    changes.change(ada, {"max_concurrent": 9, "max_mbps": 50})
    changes.change(ada, {"max_concurrent": 4}, trial=True)
    changes.change(ada, {"max_mbps": 60})
    found = policy.load()
    assert (found.max_concurrent, found.max_mbps) == (9, 60)
    assert found.trial is not None
    assert (found.trial.max_concurrent, found.trial.max_mbps, found.trial.trial) == (4, 60, None)
    changes.end_trial(ada)
    assert policy.load().trial is None
    assert policy.load().max_concurrent == 9


def test_changes_of_a_deleted_user_keep_the_user_s_name(ada: User) -> None:
    changes.change(ada, {"max_concurrent": 3})
    ada.delete()
    found = policy.load()
    assert (found.max_concurrent, found.changed_by) == (3, "ada")
    assert LimitChange.objects.get().user is None


@pytest.mark.parametrize(("mbps", "kbps"), [(0, 0), (0.0001, 1), (0.0004, 1), (0.5, 500), (20.5, 20_500)])
def test_a_positive_bandwidth_limit_gives_a_budget_of_1_kbps_at_least(ada: User, mbps: float, kbps: int) -> None:
    changes.change(ada, {"max_mbps": mbps})
    assert policy.load().budget == kbps


def test_the_limits_are_read_in_four_queries(
    ada: User, operators: Group, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    UserLimit.objects.create(user=ada, max_streams=2)
    GroupLimit.objects.create(group=operators, max_streams=4)
    changes.change(ada, {"max_concurrent": 9, "reserved_slots": 2, "reserved_group": operators})
    changes.change(ada, {"max_concurrent": 4}, trial=True)
    with django_assert_num_queries(4):
        found = policy.load()
    assert (found.user_limits, found.group_limits) == ({str(ada.pk): 2}, {operators.pk: 4})
    assert found.reserved_group == operators.pk


def test_a_description_has_value_default_source_and_trial_of_each_limit(ada: User, settings: Settings) -> None:
    settings.STREAM_MAX_PER_CAMERA = 6
    changes.change(ada, {"max_concurrent": 9})
    changes.change(ada, {"max_concurrent": 4}, trial=True)
    told = policy.describe(policy.load())
    assert list(told) == list(policy.LABELS)
    assert told["max_concurrent"] == {
        "label": "Total streams",
        "value": 9,
        "default": 10,
        "source": "database",
        "minimum": 1,
        "maximum": 100_000,
        "trial": 4,
    }
    camera = told["max_per_camera"]
    assert (camera["value"], camera["source"], camera["minimum"], camera["trial"]) == (6, "environment", 0, None)


def test_a_budget_below_the_default_quality_s_estimate_gives_a_warning(settings: Settings) -> None:
    settings.STREAM_DEFAULT_QUALITY = "medium"
    for mbps, warned in ((0, False), (6.9, True), (7, False)):
        settings.STREAM_MAX_MBPS = mbps
        warnings = policy.defaults().warnings
        assert bool(warnings) == warned
        assert [check.msg for check in timings(None) if check.id == "streaming.W002"] == warnings
        assert all(words in text for text in warnings for words in ("6.9 Mbit/s", "medium: 7 Mbit/s"))

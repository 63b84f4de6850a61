"""The limits of one user: their own, their groups', and the reserved slots."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from pytest_django.fixtures import DjangoAssertNumQueries

from streaming.limits import changes, policy
from streaming.limits.user_limits import UserLimits, user_limits_of
from streaming.models import GroupLimit, UserLimit

pytestmark = pytest.mark.django_db


def test_a_user_s_own_limit_comes_first_then_the_highest_of_their_groups_then_the_default(
    ada: User, operators: Group
) -> None:
    guests = Group.objects.create(name="Guests")
    changes.change(ada, {"max_per_user": 3})

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
    changes.change(bob, {"reserved_slots": 1, "reserved_group": operators})
    found = policy.load()
    assert user_limits_of(found, ada).operator
    assert not user_limits_of(found, bob).operator
    assert not user_limits_of(found, AnonymousUser()).operator


def test_the_user_s_groups_are_queried_once_and_only_if_a_limit_depends_on_them(
    ada: User, operators: Group, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    plain = policy.load()
    with django_assert_num_queries(0):
        assert user_limits_of(plain, ada) == UserLimits(0, False)
    GroupLimit.objects.create(group=operators, max_streams=1)
    changes.change(ada, {"reserved_slots": 1, "reserved_group": operators})
    changes.change(ada, {"max_concurrent": 3}, trial=True)
    ada.groups.add(operators)
    found = policy.load()
    with django_assert_num_queries(1):
        assert user_limits_of(found, ada) == UserLimits(1, True, trial=UserLimits(1, True))

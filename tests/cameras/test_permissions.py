"""Who may watch: the permission, the Viewers group that carries it, and what an administrator makes of both."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.management import call_command

from cameras.permissions import VIEWERS, WATCH, may_watch

pytestmark = pytest.mark.django_db


def viewer() -> User:
    user = User.objects.create_user("ada")
    user.groups.add(Group.objects.get(name=VIEWERS))
    return user


def migrate_again() -> None:
    call_command("migrate", verbosity=0)


def test_after_migrating_there_is_a_group_of_viewers_that_may_watch() -> None:
    assert may_watch(viewer())


def test_who_was_given_nothing_may_not_watch() -> None:
    assert not may_watch(User.objects.create_user("eve"))
    assert not may_watch(User.objects.create_user("staff", is_staff=True))
    assert not may_watch(AnonymousUser())


def test_an_administrator_may_watch() -> None:
    assert may_watch(User.objects.create_superuser("admin"))


def test_an_inactive_user_may_not_watch() -> None:
    for user in (viewer(), User.objects.create_superuser("admin")):
        user.is_active = False
        user.save()
        assert not may_watch(User.objects.get(pk=user.pk))


def test_what_an_administrator_took_from_the_group_stays_away_after_the_next_migration() -> None:
    user = viewer()
    Group.objects.get(name=VIEWERS).permissions.clear()
    migrate_again()
    assert not User.objects.get(pk=user.pk).has_perm(WATCH)


def test_migrating_again_makes_no_second_group_and_keeps_its_members() -> None:
    user = viewer()
    migrate_again()
    assert list(Group.objects.get(name=VIEWERS).user_set.all()) == [user]

"""The permission to watch, and the Viewers group that has it."""

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


def test_migrations_create_the_viewers_group_with_permission_to_watch() -> None:
    assert may_watch(viewer())


def test_a_user_without_permission_may_not_watch() -> None:
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


def test_a_permission_that_an_administrator_removed_from_the_group_stays_removed() -> None:
    user = viewer()
    Group.objects.get(name=VIEWERS).permissions.clear()
    migrate_again()
    assert not User.objects.get(pk=user.pk).has_perm(WATCH)


def test_migrating_again_creates_no_second_group_and_keeps_its_members() -> None:
    user = viewer()
    migrate_again()
    assert list(Group.objects.get(name=VIEWERS).user_set.all()) == [user]

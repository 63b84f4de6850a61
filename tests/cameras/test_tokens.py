"""API tokens: shown once, stored as a digest, valid while their user is active."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from cameras import tokens
from cameras.models import ApiToken

pytestmark = pytest.mark.django_db

ADD = reverse("admin:cameras_apitoken_add")


@pytest.fixture
def person() -> User:
    return User.objects.create_user("person")


def test_a_token_belongs_to_its_user_and_is_not_stored(person: User) -> None:
    token = tokens.issue(person, "backup")
    assert tokens.user_of(token) == person
    (row,) = ApiToken.objects.values()
    assert row["prefix"] == token[:8]
    assert not any(token in str(value) for value in row.values())


@pytest.mark.parametrize("wrong", ["", "nvr_", "x", "nvr_" + "A" * 43, "\ud800"])
def test_an_unknown_token_has_no_user(person: User, wrong: str) -> None:
    tokens.issue(person, "backup")
    assert tokens.user_of(wrong) is None


def test_a_leaked_digest_is_not_a_token(person: User) -> None:
    tokens.issue(person, "backup")
    assert tokens.user_of(ApiToken.objects.get().digest) is None


def test_an_expired_token_has_no_user(person: User) -> None:
    now = timezone.now()
    assert tokens.user_of(tokens.issue(person, "old", now)) is None
    assert tokens.user_of(tokens.issue(person, "new", now + timedelta(minutes=1))) == person


def test_the_token_of_an_inactive_user_has_no_user(person: User) -> None:
    token = tokens.issue(person, "backup")
    User.objects.update(is_active=False)
    assert tokens.user_of(token) is None


@pytest.fixture
def end_with_password(settings: Settings) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": "cameras.tokens.EndWithPassword"}]


def change_password(user: User) -> None:
    user.set_password("another-pass-word-1")
    user.save()


def test_a_token_stays_valid_after_a_change_of_the_password(person: User) -> None:
    token = tokens.issue(person, "backup")
    change_password(person)
    assert tokens.user_of(token) == person


@pytest.mark.usefixtures("end_with_password")
def test_a_setting_makes_tokens_expire_with_the_password(person: User, admin_user: User) -> None:
    token, other = tokens.issue(person, "backup"), tokens.issue(admin_user, "backup")
    change_password(person)
    assert (tokens.user_of(token), tokens.user_of(other)) == (None, admin_user)
    assert tokens.user_of(tokens.issue(person, "new")) == person


@pytest.mark.usefixtures("end_with_password")
def test_a_new_hash_of_the_same_password_expires_no_token(person: User, settings: Settings) -> None:
    change_password(person)
    token, before = tokens.issue(person, "backup"), person.password
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    assert person.check_password("another-pass-word-1")
    assert User.objects.get(pk=person.pk).password != before
    assert tokens.user_of(token) == person


def test_the_time_of_use_is_written_once_a_minute(
    person: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = tokens.issue(person, "backup")
    with django_assert_num_queries(2):
        tokens.user_of(token)
    first = ApiToken.objects.get().last_used
    assert first is not None
    with django_assert_num_queries(1):
        tokens.user_of(token)
    ApiToken.objects.update(last_used=first - timedelta(minutes=1))
    tokens.user_of(token)
    assert ApiToken.objects.get().last_used >= first  # type: ignore[operator]


def test_the_administration_shows_a_new_token_once(admin_client: Client, admin_user: User) -> None:
    data = {"name": "backup", "user": admin_user.pk, "expires_0": "", "expires_1": ""}
    page = admin_client.post(ADD, data, follow=True).text
    token = page.partition("not shown again: ")[2].partition("<")[0].strip()
    assert tokens.user_of(token) == admin_user
    row = ApiToken.objects.get()
    for address in (reverse("admin:cameras_apitoken_changelist"), change_page(row)):
        later = admin_client.get(address).text
        assert token[:8] in later
        assert token not in later
        assert row.digest not in later
    assert not LogEntry.objects.filter(change_message__contains=token).exists()


def test_a_change_keeps_the_token_and_its_user(admin_client: Client, person: User, admin_user: User) -> None:
    token = tokens.issue(person, "backup")
    data = {"name": "restore", "user": admin_user.pk, "expires_0": "2030-01-01", "expires_1": "00:00"}
    assert admin_client.post(change_page(ApiToken.objects.get()), data).status_code == 302
    row = ApiToken.objects.get()
    assert (row.name, row.user, tokens.user_of(token)) == ("restore", person, person)
    assert row.expires is not None


def test_users_create_and_see_only_their_own_tokens_unless_they_are_superusers(
    client: Client, person: User, admin_user: User
) -> None:
    """Otherwise, permission to create tokens would give all permissions."""
    person.is_staff = True
    person.save()
    person.user_permissions.set(Permission.objects.filter(content_type__model="apitoken"))
    client.force_login(person)
    tokens.issue(admin_user, "of another user")
    other = ApiToken.objects.get()
    data = {"name": "backup", "expires_0": "", "expires_1": ""}
    assert "not shown again" not in client.post(ADD, {**data, "user": admin_user.pk}, follow=True).text
    assert "not shown again" in client.post(ADD, {**data, "user": person.pk}, follow=True).text
    assert ApiToken.objects.exclude(pk=other.pk).get().user == person
    assert "of another user" not in client.get(reverse("admin:cameras_apitoken_changelist")).text
    assert client.get(change_page(other)).status_code == 302
    assert client.post(reverse("admin:cameras_apitoken_delete", args=[other.pk]), {"post": "yes"}).status_code == 302
    assert ApiToken.objects.filter(pk=other.pk).exists()


def change_page(row: ApiToken) -> str:
    return reverse("admin:cameras_apitoken_change", args=[row.pk])

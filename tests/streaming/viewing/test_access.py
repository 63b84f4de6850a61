"""The user of a session is looked up without a change to the session, which its browser would not learn of."""

import uuid

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from streaming import errors
from streaming.viewing.access import Login, check_access, user_of

pytestmark = pytest.mark.django_db


def refusal(key: str | None) -> type[Exception]:
    """The error for a viewer with this session who asks for a camera that does not exist."""
    with pytest.raises(errors.StreamError) as raised:
        check_access(user_of(Login(key)), uuid.uuid4())
    return raised.type


@pytest.fixture
def key(client: Client) -> str | None:
    user = User.objects.create_user("viewer")
    user.groups.add(Group.objects.get(name="Viewers"))
    client.force_login(user)
    return client.session.session_key


def test_a_session_from_an_older_secret_key_is_valid_and_keeps_its_own_key(
    client: Client, settings: Settings, key: str | None
) -> None:
    old, settings.SECRET_KEY = settings.SECRET_KEY, "the key of this year"
    assert refusal(key) is errors.NotAuthenticatedError
    settings.SECRET_KEY_FALLBACKS = [old]
    assert refusal(key) is errors.CameraNotFoundError
    assert [session.pk for session in Session.objects.all()] == [key]
    assert client.get("/").status_code == 200


def test_a_session_from_before_a_password_change_is_refused_but_not_deleted(key: str | None) -> None:
    User.objects.update(password="x")
    assert refusal(key) is errors.NotAuthenticatedError
    assert Session.objects.filter(pk=key).exists()

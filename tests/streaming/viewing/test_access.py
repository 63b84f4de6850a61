"""Who a session belongs to: looked up without a change to it, of which its browser would not hear."""

import uuid

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from streaming import errors
from streaming.viewing.access import check_session_access

pytestmark = pytest.mark.django_db


def asks(key: str | None) -> type[Exception]:
    """What a viewer with this session is told of a camera that does not exist."""
    with pytest.raises(errors.StreamError) as told:
        check_session_access(key, uuid.uuid4())
    return told.type


@pytest.fixture
def key(client: Client) -> str | None:
    user = User.objects.create_user("viewer")
    user.groups.add(Group.objects.get(name="Viewers"))
    client.force_login(user)
    return client.session.session_key


def test_a_session_that_was_made_under_an_older_key_holds_and_keeps_its_name(
    client: Client, settings: Settings, key: str | None
) -> None:
    old, settings.SECRET_KEY = settings.SECRET_KEY, "the key of this year"
    assert asks(key) is errors.NotAuthenticatedError
    settings.SECRET_KEY_FALLBACKS = [old]
    assert asks(key) is errors.CameraNotFoundError
    assert [session.pk for session in Session.objects.all()] == [key]
    assert client.get("/").status_code == 200


def test_a_session_is_left_alone_when_its_password_has_changed(key: str | None) -> None:
    User.objects.update(password="x")
    assert asks(key) is errors.NotAuthenticatedError
    assert Session.objects.filter(pk=key).exists()

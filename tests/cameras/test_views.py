"""The page of cards, as a person's browser gets it."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from cameras.models import Camera
from cameras.permissions import VIEWERS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def camera() -> Camera:
    return Camera.objects.create(
        name="Yard <b>1</b>", stream_url="rtsp://camera/live", username="operator", password="s3cret"
    )


def enter(client: Client, *groups: str) -> None:
    user = User.objects.create_user("ada")
    user.groups.set(Group.objects.filter(name__in=groups))
    client.force_login(user)


def test_who_is_not_logged_in_is_sent_to_log_in_and_back(client: Client) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/")


def test_a_viewer_sees_the_cameras_by_name_and_never_where_they_are(client: Client) -> None:
    enter(client, VIEWERS)
    page = client.get("/").text
    assert "Yard &lt;b&gt;1&lt;/b&gt;" in page
    assert not any(secret in page for secret in ("rtsp://", "operator", "s3cret"))


def test_who_may_not_watch_is_told_so_and_sees_no_camera(client: Client) -> None:
    enter(client)
    page = client.get("/").text
    assert "have access to any cameras" in page
    assert "Yard" not in page


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"enabled": False}, "This camera is disabled"), ({"stream_url": ""}, "This camera has no stream address")],
)
def test_a_camera_that_cannot_be_watched_says_why_and_offers_no_button(
    client: Client, change: dict[str, object], reason: str
) -> None:
    enter(client, VIEWERS)
    Camera.objects.update(**change)
    page = client.get("/").text
    assert reason in page
    assert 'aria-disabled="true"' in page

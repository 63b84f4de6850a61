"""The cameras page, as a browser receives it."""

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


def test_a_visitor_is_redirected_to_log_in_and_back(client: Client) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/")


def test_a_viewer_sees_cameras_by_name_without_their_addresses(client: Client) -> None:
    enter(client, VIEWERS)
    page = client.get("/").text
    assert "Yard &lt;b&gt;1&lt;/b&gt;" in page
    assert not any(secret in page for secret in ("rtsp://", "operator", "s3cret"))


def test_a_user_who_may_not_watch_sees_a_hint_and_no_camera(client: Client) -> None:
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


def test_the_wall_sends_a_visitor_to_the_log_in_and_back(client: Client) -> None:
    answer = client.get("/wall/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/wall/")


def test_the_wall_has_a_tile_for_each_camera_that_can_be_watched(client: Client) -> None:
    enter(client, VIEWERS)
    Camera.objects.create(name="Off", stream_url="rtsp://camera/off", enabled=False)
    Camera.objects.create(name="Nowhere")
    page = client.get("/wall/").text
    assert 'data-name="Yard &lt;b&gt;1&lt;/b&gt;"' in page
    assert not any(secret in page for secret in ("rtsp://", "operator", "s3cret", "Off", "Nowhere"))


def test_the_wall_of_a_user_who_may_not_watch_is_a_hint(client: Client) -> None:
    enter(client)
    page = client.get("/wall/").text
    assert "have access to any cameras" in page
    assert "Yard" not in page


def test_a_wall_without_cameras_tells_how_to_add_them(client: Client) -> None:
    Camera.objects.all().delete()
    enter(client, VIEWERS)
    assert "An administrator can add cameras" in client.get("/wall/").text

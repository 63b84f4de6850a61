"""Which cameras a user may see."""

import time
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from cameras import grants
from cameras.models import GRANT, SEE_ALL, Camera, CameraGrant
from cameras.permissions import VIEWERS, may_watch, sees_all, visible_among
from cameras.views import camera_list
from tests.cameras.api_client import CAMERAS, Api, refusal
from tests.figures import record

pytestmark = pytest.mark.django_db

ALL = ("cameras.view_camera", "cameras.add_camera", "cameras.change_camera", "cameras.delete_camera")


def viewer(name: str, *permissions: str) -> User:
    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name=VIEWERS))
    give(user, *permissions)
    return user


def give(user: User, *permissions: str) -> None:
    codes = [name.partition(".")[2] for name in permissions]
    user.user_permissions.add(*Permission.objects.filter(codename__in=codes))


def seen(user: Any) -> list[str]:
    return [camera.name for camera in Camera.objects.visible_to(user)]


@pytest.fixture
def cameras() -> list[Camera]:
    return [Camera.objects.create(name=name, stream_url="rtsp://camera/live") for name in ("Gate", "Lobby", "Vault")]


# The rule.


def test_without_a_grant_whoever_may_watch_sees_all_cameras(cameras: list[Camera]) -> None:
    ada = viewer("ada")
    assert seen(ada) == ["Gate", "Lobby", "Vault"]
    assert all(may_watch(ada, camera) for camera in cameras)
    assert sees_all(ada)


def test_once_there_is_a_grant_users_see_what_is_granted_to_them_or_to_their_groups(cameras: list[Camera]) -> None:
    gate, lobby, vault = cameras
    ada, bob, eve = viewer("ada"), viewer("bob"), viewer("eve")
    night = Group.objects.create(name="Night shift")
    bob.groups.add(night)
    grants.set_cameras(ada, [gate])
    grants.set_cameras(night, [lobby, gate])
    grants.set_cameras(bob, [gate])
    assert [seen(user) for user in (ada, bob, eve)] == [["Gate"], ["Gate", "Lobby"], []]
    assert [may_watch(user, gate) for user in (ada, bob, eve)] == [True, True, False]
    assert not any(may_watch(user, vault) for user in (ada, bob, eve))


def test_a_grant_gives_no_permission_to_watch(cameras: list[Camera]) -> None:
    stranger = User.objects.create_user("stranger")
    grants.set_cameras(stranger, cameras)
    assert not may_watch(stranger, cameras[0])


def test_a_group_s_grant_is_for_its_members_only(cameras: list[Camera]) -> None:
    """A grant of a group has no user, and nor has a visitor."""
    grants.set_cameras(Group.objects.create(name="Night shift"), cameras)
    assert seen(viewer("ada")) == []
    assert seen(AnonymousUser()) == []


@pytest.mark.parametrize("permission", [SEE_ALL, GRANT])
def test_two_permissions_show_all_cameras_whatever_is_granted(cameras: list[Camera], permission: str) -> None:
    grants.set_cameras(viewer("ada"), cameras[:1])
    assert len(seen(viewer("guard", permission))) == len(cameras)
    assert len(seen(User.objects.create_superuser("root"))) == len(cameras)
    assert len(seen(User.objects.create_user("staff", is_staff=True))) == 0


def test_without_the_last_grant_everybody_sees_all_again(cameras: list[Camera]) -> None:
    ada, eve = viewer("ada"), viewer("eve")
    grants.set_cameras(ada, cameras)
    grants.set_cameras(ada, cameras[:1])
    assert (seen(ada), seen(eve)) == (["Gate"], [])
    grants.set_cameras(ada, [])
    assert len(seen(eve)) == len(cameras)
    assert "There are no grants" in grants.explanation()


def test_grants_end_with_their_user_group_and_camera(cameras: list[Camera]) -> None:
    ada, night = viewer("ada"), Group.objects.create(name="Night shift")
    grants.set_holders(cameras[0], [ada, night])
    grants.set_cameras(night, cameras)
    assert CameraGrant.objects.count() == 4
    ada.delete()
    cameras[1].delete()
    assert CameraGrant.objects.count() == 2
    night.delete()
    assert not grants.are_in_force()


def test_of_known_ids_the_visible_ones_are_told_and_deleted_cameras_are_not(cameras: list[Camera]) -> None:
    ada, ids = viewer("ada"), [str(camera.pk) for camera in cameras]
    cameras[1].delete()
    assert visible_among(ada, [*ids, ""]) == {*ids, ""}
    grants.set_cameras(ada, cameras[:1])
    assert visible_among(ada, [*ids, ""]) == {ids[0]}


# Adding cameras.


def test_a_camera_that_a_user_adds_stays_visible_to_them(cameras: list[Camera]) -> None:
    api = Api(*ALL)
    grants.set_cameras(api.user, cameras[:1])
    location = api("POST", CAMERAS, {"name": "Roof"})["Location"]
    assert api("GET", location).status_code == 200
    assert api("POST", f"{CAMERAS}/import", "name\r\nYard\r\n", "text/csv").status_code == 200
    assert seen(api.user) == ["Gate", "Roof", "Yard"]


def test_adding_a_camera_grants_nothing_to_those_who_see_all_or_while_there_are_no_grants() -> None:
    api = Api(*ALL)
    api("POST", CAMERAS, {"name": "Roof"})
    assert not grants.are_in_force()


# The API.


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/stop")]
)
def test_a_hidden_camera_is_not_found_by_any_operation(cameras: list[Camera], method: str, path: str) -> None:
    api = Api(*ALL, "streaming.stop_stream")
    User.objects.filter(pk=api.user.pk).update(is_staff=True)
    grants.set_cameras(api.user, cameras[:1])
    assert refusal(api(method, f"{CAMERAS}/{cameras[2].pk}{path}", {})) == (404, "camera_not_found")
    assert Camera.objects.filter(name="Vault").exists()


def test_lists_and_exports_leave_hidden_cameras_out(cameras: list[Camera]) -> None:
    api = Api(*ALL)
    grants.set_cameras(api.user, cameras[:1])
    page = api("GET", CAMERAS).json()
    assert ([item["name"] for item in page["items"]], page["count"]) == (["Gate"], 1)
    assert api("GET", f"{CAMERAS}/export").text.count("\n") == 2


def test_an_import_neither_changes_nor_betrays_a_hidden_camera_of_the_same_name(cameras: list[Camera]) -> None:
    api = Api(*ALL)
    grants.set_cameras(api.user, cameras[:1])
    answer = api("POST", f"{CAMERAS}/import", "name,stream_url\r\nVault,rtsp://evil/\r\n", "text/csv").json()
    assert (answer["created"], answer["changed"]) == (1, 0)
    assert Camera.objects.get(pk=cameras[2].pk).stream_url == "rtsp://camera/live"


# The page of cards.


def page_of(user: User) -> tuple[str, int, float]:
    """Returns the page with the cards, its queries, and its CPU time in seconds."""
    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=user.pk)
    with CaptureQueriesContext(connection) as queries:
        began = time.process_time()
        page = camera_list(request).text
    return page, len(queries), time.process_time() - began


def test_a_user_without_a_grant_reads_whom_to_ask_and_learns_of_no_camera(cameras: list[Camera]) -> None:
    grants.set_cameras(viewer("ada"), cameras)
    page, _, _ = page_of(viewer("eve"))
    assert "Ask an administrator to grant cameras to your account <strong>eve</strong>" in page
    assert not any(camera.name in page for camera in cameras)


@pytest.mark.timing("compares the CPU time of two pages")
def test_the_cards_of_2000_cameras_with_500_grants_take_no_query_per_camera(cameras: list[Camera]) -> None:
    ada, night, admin = viewer("ada"), Group.objects.create(name="Night shift"), User.objects.create_superuser("root")
    ada.groups.add(night)
    grants.set_cameras(ada, cameras[:1])
    _, few, _ = page_of(ada)
    many = Camera.objects.bulk_create(
        Camera(name=f"Camera {number:04}", stream_url=f"rtsp://camera/{number}", password="s3cret")
        for number in range(2000)
    )
    grants.set_cameras(ada, many[:250])
    grants.set_cameras(night, many[150:400])
    (page, queries, seconds), (_, _, all_seconds) = page_of(ada), page_of(admin)
    assert page.count('class="card"') == 400
    assert queries == few
    record("cards page of 2,000 cameras and 500 grants: CPU, for a user with 400", seconds)
    record("the same for an administrator, who sees all", all_seconds)
    assert all_seconds < 2 * 2003 / 400 * seconds  # not more for each camera than with a fifth of them

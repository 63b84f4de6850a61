"""Granting cameras in the administration, as a browser receives its pages."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cameras import grants
from cameras.grants_admin import ENDS
from cameras.models import Camera, CameraGrant

pytestmark = pytest.mark.django_db

CAMERA = ("view_camera", "add_camera", "change_camera", "delete_camera")


def page(model: str, *args: object) -> str:
    return reverse(f"admin:cameras_{model}_{'change' if args else 'changelist'}", args=args)


def staff(name: str, *permissions: str) -> tuple[User, Client]:
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return user, client


def chosen(text: str) -> set[str]:
    """The entries of a page that are selected."""
    return set(re.findall(r'<option value="[^"]+" selected>([^<]+)</option>', text))


@pytest.fixture
def cameras() -> list[Camera]:
    return [Camera.objects.create(name=name) for name in ("Gate", "Lobby", "Vault")]


@pytest.fixture
def night() -> Group:
    return Group.objects.create(name="Night shift")


@pytest.fixture
def ada(night: Group) -> User:
    user = User.objects.create_user("ada")
    user.groups.add(night, Group.objects.get(name="Viewers"))
    return user


def test_the_cameras_of_a_user_and_of_a_group_are_chosen_on_one_page_each(
    admin_client: Client, cameras: list[Camera], ada: User, night: Group
) -> None:
    gate, lobby, _ = cameras
    for model, holder, camera in (("usercameras", ada, gate), ("groupcameras", night, lobby)):
        answer = admin_client.post(page(model, holder.pk), {"cameras": [str(camera.pk)]})
        assert answer.status_code == 302
        assert chosen(admin_client.get(page(model, holder.pk)).text) == {camera.name}
        assert LogEntry.objects.latest("pk").get_change_message() == "Changed Cameras."
    assert [camera.name for camera in Camera.objects.visible_to(ada)] == ["Gate", "Lobby"]
    assert "2 of 3 cameras, with those of groups." in admin_client.get(page("usercameras", ada.pk)).text
    admin_client.post(page("usercameras", ada.pk), {})
    assert [camera.name for camera in Camera.objects.visible_to(ada)] == ["Lobby"]
    ada.refresh_from_db()
    assert ada.username == "ada"


def test_the_users_and_groups_of_a_camera_are_chosen_on_its_page(
    admin_client: Client, cameras: list[Camera], ada: User, night: Group
) -> None:
    address, data = page("camera", cameras[0].pk), {"name": "Gate", "enabled": "on"}
    admin_client.post(address, {**data, "users": [ada.pk], "groups": [night.pk]})
    assert chosen(admin_client.get(address).text) == {"ada", "Night shift"}
    admin_client.post(address, {**data, "groups": [night.pk]})
    assert chosen(admin_client.get(address).text) == {"Night shift"}
    added = {"name": "Roof", "enabled": "on", "users": [ada.pk]}
    admin_client.post(reverse("admin:cameras_camera_add"), added)
    assert [camera.name for camera in Camera.objects.visible_to(ada)] == ["Gate", "Roof"]


def test_a_pasted_address_is_split_on_the_page_that_has_users_and_groups_too(
    admin_client: Client, cameras: list[Camera], ada: User, night: Group
) -> None:
    bob = User.objects.create_user("bob")
    data = {"name": "Gate", "enabled": "on", "stream_url": "rtsp://root:s3cret@camera/live"}
    admin_client.post(page("camera", cameras[0].pk), {**data, "users": [ada.pk, bob.pk], "groups": [night.pk]})
    gate = Camera.objects.get(pk=cameras[0].pk)
    assert (gate.stream_url, gate.username, gate.password) == ("rtsp://camera/live", "root", "s3cret")
    assert chosen(admin_client.get(page("camera", gate.pk)).text) == {"ada", "bob", "Night shift"}


def test_the_pages_explain_when_grants_are_in_force_and_tell_when_that_changes(
    admin_client: Client, cameras: list[Camera], ada: User
) -> None:
    pages = [page("usercameras"), page("groupcameras"), page("usercameras", ada.pk), page("camera", cameras[0].pk)]
    assert all(grants.OFF in admin_client.get(address).text for address in pages)
    data = {"cameras": [str(cameras[0].pk)]}
    assert "Grants are in force now" in admin_client.post(page("usercameras", ada.pk), data, follow=True).text
    assert all(grants.IN_FORCE in admin_client.get(address).text for address in pages)
    assert "Grants are in force now" not in admin_client.post(page("usercameras", ada.pk), data, follow=True).text
    assert "No grant is left" in admin_client.post(page("usercameras", ada.pk), {}, follow=True).text


@pytest.mark.parametrize("what", ["camera", "user", "group"])
def test_before_the_last_grant_is_deleted_the_page_says_that_all_will_see_all_cameras(
    admin_client: Client, cameras: list[Camera], ada: User, night: Group, what: str
) -> None:
    model = "cameras_camera" if what == "camera" else f"auth_{what}"
    deleted = {"camera": cameras[0], "user": ada, "group": night}[what]
    grants.set_cameras(night if what == "group" else ada, cameras[:1])
    asking, some = reverse(f"admin:{model}_delete", args=[deleted.pk]), reverse(f"admin:{model}_changelist")
    action = {"action": "delete_selected", "_selected_action": [deleted.pk]}
    assert ENDS in admin_client.get(asking).text
    assert ENDS in admin_client.post(some, action).text
    other = User.objects.create_user("other")
    grants.set_cameras(other, cameras[1:2])
    assert ENDS not in admin_client.get(asking).text + admin_client.post(some, action).text
    other.delete()
    address, data = (asking, {}) if what == "user" else (some, action)
    answer = admin_client.post(address, {**data, "post": "yes"}, follow=True)
    assert "No grant is left" in answer.text
    assert ENDS not in answer.text


def test_a_list_shows_how_many_cameras_each_user_and_group_has(
    admin_client: Client, cameras: list[Camera], ada: User, night: Group
) -> None:
    grants.set_cameras(night, cameras)
    grants.set_cameras(ada, cameras[:2])
    users = admin_client.get(page("usercameras")).text
    assert re.search(r'field-granted">2</td><td class="field-through_groups">Night shift<', users)
    groups = admin_client.get(page("groupcameras")).text
    assert re.search(r'field-granted">3</td><td class="field-members">1<', groups)


def test_the_list_of_users_takes_no_query_for_each(admin_client: Client, cameras: list[Camera], night: Group) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(page("usercameras")).status_code == 200
        return len(captured)

    grants.set_cameras(night, cameras)
    queries()
    few = queries()
    for number in range(20):
        User.objects.create_user(f"user {number}").groups.add(night)
    assert queries() == few


def test_a_group_gets_5000_cameras_at_once(admin_client: Client, night: Group) -> None:
    many = Camera.objects.bulk_create(Camera(name=f"Camera {number:04}") for number in range(5000))
    answer = admin_client.post(page("groupcameras", night.pk), {"cameras": [str(camera.pk) for camera in many]})
    assert answer.status_code == 302
    assert CameraGrant.objects.filter(group=night).count() == 5000


def test_grants_are_changed_only_by_staff_with_the_permission(cameras: list[Camera], ada: User, night: Group) -> None:
    _, client = staff("manager", *CAMERA)
    for address in (page("usercameras"), page("groupcameras"), page("usercameras", ada.pk)):
        assert client.get(address).status_code == 403
        assert client.post(address, {"cameras": [str(cameras[0].pk)]}).status_code == 403
    assert "Who may see it" not in client.get(page("camera", cameras[0].pk)).text
    client.post(page("camera", cameras[0].pk), {"name": "Gate", "enabled": "on", "users": [ada.pk]})
    assert not grants.are_in_force()
    _, client = staff("guard", "change_cameragrant")
    assert client.post(page("groupcameras", night.pk), {"cameras": [str(cameras[0].pk)]}).status_code == 302
    assert grants.are_in_force()


def test_staff_who_do_not_see_all_cameras_manage_those_that_they_see(cameras: list[Camera]) -> None:
    user, client = staff("manager", *CAMERA)
    grants.set_cameras(user, cameras[:1])
    assert "Vault" not in client.get(page("camera")).text
    for address in (page("camera", cameras[2].pk), reverse("admin:cameras_camera_delete", args=[cameras[2].pk])):
        assert client.get(address).status_code == client.post(address, {"post": "yes"}).status_code == 302
    client.post(page("camera", cameras[0].pk), {"name": "Gate 1", "enabled": "on"})
    client.post(reverse("admin:cameras_camera_add"), {"name": "Roof", "enabled": "on"})
    assert [camera.name for camera in Camera.objects.visible_to(user)] == ["Gate 1", "Roof"]
    gate = reverse("admin:cameras_camera_delete", args=[cameras[0].pk])
    assert client.post(gate, {"post": "yes"}).status_code == 302
    assert [camera.name for camera in Camera.objects.all()] == ["Lobby", "Roof", "Vault"]


def test_deleting_a_user_names_no_camera(cameras: list[Camera], ada: User) -> None:
    grants.set_cameras(ada, cameras)
    _, client = staff("clerk", "delete_user", "view_user")
    answer = client.get(reverse("admin:auth_user_delete", args=[ada.pk])).text
    assert "Are you sure" in answer
    assert "Vault" not in answer

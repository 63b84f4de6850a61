"""The administration's pages for cameras, as a browser receives them."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from cameras.makers import MAKERS
from cameras.models import Camera

pytestmark = pytest.mark.django_db

PASSWORD, TOKEN = "kept s3cret", "t0ken"
LIST = reverse("admin:cameras_camera_changelist")


@pytest.fixture
def camera() -> Camera:
    url = f"rtsp://camera:554/live?token={TOKEN}"
    return Camera.objects.create(name="Yard", stream_url=url, username="operator", password=PASSWORD)


def change_page(camera: Camera) -> str:
    return reverse("admin:cameras_camera_change", args=[camera.pk])


def test_the_list_shows_cameras_without_the_tokens_and_credentials_of_their_addresses(
    admin_client: Client, camera: Camera
) -> None:
    page = admin_client.get(LIST).text
    assert "Yard" in page
    assert "rtsp://camera:554/live" in page
    assert not any(secret in page for secret in (PASSWORD, TOKEN, "operator"))


def test_the_change_page_shows_the_address_and_not_the_password(admin_client: Client, camera: Camera) -> None:
    page = admin_client.get(change_page(camera)).text
    assert "rtsp://camera:554/live" in page
    assert "never shown again" in page
    assert PASSWORD not in page


def test_a_change_in_the_administration_keeps_the_password_and_writes_it_nowhere(
    admin_client: Client, camera: Camera
) -> None:
    data = {"name": "Gate", "stream_url": camera.stream_url, "username": "operator", "password": "", "enabled": "on"}
    assert admin_client.post(change_page(camera), data).status_code == 302
    kept = Camera.objects.get()
    assert (kept.name, kept.password) == ("Gate", PASSWORD)
    admin_client.post(change_page(camera), {**data, "password": "a new one"})
    assert Camera.objects.get().password == "a new one"
    assert not LogEntry.objects.filter(change_message__contains="a new one").exists()


def test_a_mistyped_port_is_shown_as_an_error_on_the_page(admin_client: Client, camera: Camera) -> None:
    data = {"name": "Yard", "stream_url": "rtsp://camera:99999/live", "username": "", "password": "", "enabled": "on"}
    answer = admin_client.post(change_page(camera), data)
    assert answer.status_code == 200
    assert "an invalid host or port" in answer.text


def test_a_pasted_address_is_split_with_a_word_about_it(admin_client: Client, camera: Camera) -> None:
    data = {"name": "Gate", "stream_url": "rtsp://ada:pasted-s3cret@gate/live", "enabled": "on"}
    page = admin_client.post(reverse("admin:cameras_camera_add"), data, follow=True).text
    assert "were moved into their own fields" in page
    assert "pasted-s3cret" not in page
    gate = Camera.objects.get(name="Gate")
    assert (gate.stream_url, gate.username, gate.password) == ("rtsp://gate/live", "ada", "pasted-s3cret")
    assert not LogEntry.objects.filter(change_message__contains="pasted").exists()


def test_the_form_lists_the_makers_addresses_with_their_sources(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:cameras_camera_add")).text
    for maker in MAKERS:
        assert all(escape(text) in page for text in (maker.name, maker.main, maker.sub, maker.source)), maker.name


def test_without_permission_the_administration_shows_no_camera(client: Client) -> None:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.get(LIST).status_code == 403


def test_a_group_takes_cameras_and_the_list_counts_them(admin_client: Client, camera: Camera) -> None:
    gate = Camera.objects.create(name="Gate")
    answer = admin_client.post(
        reverse("admin:cameras_cameragroup_add"), {"name": "House 1", "cameras": [camera.pk, gate.pk]}
    )
    assert answer.status_code == 302
    assert [group.name for group in gate.camera_groups.all()] == ["House 1"]
    page = admin_client.get(reverse("admin:cameras_cameragroup_changelist")).text
    assert '<td class="field-size">2</td>' in page

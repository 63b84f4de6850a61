"""An import neither changes nor betrays cameras that are hidden from its user. The command line sees all cameras."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from cameras import grants
from cameras.imports import import_file
from cameras.models import SEE_ALL, Camera, grants_added
from tests.cameras.api_client import CAMERAS, Api
from tests.cameras.test_grants_admin import CAMERA, staff
from tests.cameras.test_imports import checked, names, upload

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:cameras_camera_import")
JSON = "application/json"
FILES = {  # each with a camera that its user sees, a hidden one, and a new one
    "go2rtc.yaml": b"streams:\n  Gate: rtsp://new/1\n  Vault: rtsp://new/2\n  Roof: rtsp://new/3\n",
    "config.yml": (
        b"cameras:\n"
        b"  Gate: {ffmpeg: {inputs: [{path: rtsp://new/1}]}}\n"
        b"  Vault: {ffmpeg: {inputs: [{path: rtsp://new/2}]}}\n"
        b"  Roof: {ffmpeg: {inputs: [{path: rtsp://new/3}]}}\n"
    ),
    "mediamtx.yml": (
        b"paths:\n  Gate: {source: rtsp://new/1}\n  Vault: {source: rtsp://new/2}\n  Roof: {source: rtsp://new/3}\n"
    ),
    "cameras.csv": b"name,stream_url\nGate,rtsp://new/1\nVault,rtsp://new/2\nRoof,rtsp://new/3\n",
}
each_file = pytest.mark.parametrize("file", FILES)


@pytest.fixture
def gate() -> Camera:
    return Camera.objects.create(name="Gate", stream_url="rtsp://old/gate")


@pytest.fixture
def vault() -> Camera:
    return Camera.objects.create(name="Vault", stream_url="rtsp://old/vault")


@pytest.fixture
def clerk(gate: Camera, vault: Camera) -> tuple[User, Client]:
    """A user who sees the gate only, and their browser."""
    user, client = staff("clerk", *CAMERA)
    grants.set_cameras(user, [gate])
    return user, client


def addresses(user: User) -> dict[str, str]:
    return {camera.name: camera.stream_url for camera in Camera.objects.visible_to(user)}


@each_file
def test_the_page_takes_a_hidden_camera_for_a_new_one_and_grants_what_it_adds(
    clerk: tuple[User, Client], vault: Camera, file: str
) -> None:
    user, client = clerk
    page = upload(client, FILES[file], file)
    assert "To be added: 2" in page
    assert "To be changed: 1" in page
    answer = client.post(PAGE, {"checked": checked(page)}, follow=True).text
    assert "Imported: 2 added, 1 changed, 0 unchanged, 0 left out." in answer
    assert addresses(user) == {"Gate": "rtsp://new/1", "Vault": "rtsp://new/2", "Roof": "rtsp://new/3"}
    assert Camera.objects.get(pk=vault.pk).stream_url == "rtsp://old/vault"
    assert "Imported: 0 added" in client.post(PAGE, {"checked": checked(page)}, follow=True).text


@each_file
def test_the_plan_is_the_same_whether_or_not_hidden_cameras_have_the_names(
    clerk: tuple[User, Client], vault: Camera, file: str
) -> None:
    """Also if several have one name, or the file has the same fields as the hidden camera."""
    user, _ = clerk
    Camera.objects.filter(pk=vault.pk).update(stream_url="rtsp://new/2")
    Camera.objects.create(name="Roof")
    Camera.objects.create(name="Roof")

    def plan() -> tuple[list[str], ...]:
        return names(import_file(FILES[file], file, Camera.objects.visible_to(user), dry_run=True, may_change=False))

    before = plan()
    assert before == (["Vault", "Roof"], [], [], ["Gate"])
    Camera.objects.exclude(name="Gate").delete()
    assert plan() == before


def test_the_check_is_made_anew_if_grants_come_into_force_before_the_import(gate: Camera, vault: Camera) -> None:
    user, client = staff("clerk", *CAMERA)
    page = upload(client, FILES["go2rtc.yaml"])
    assert "To be changed: 2" in page
    grants.set_cameras(user, [gate])
    client.post(PAGE, {"checked": checked(page)})
    assert Camera.objects.get(pk=vault.pk).stream_url == "rtsp://old/vault"


def test_an_import_grants_nothing_to_those_who_see_all(clerk: tuple[User, Client]) -> None:
    user, client = staff("guard", *CAMERA, SEE_ALL.partition(".")[2])
    client.post(PAGE, {"checked": checked(upload(client, FILES["go2rtc.yaml"]))})
    assert Camera.objects.get(name="Vault").stream_url == "rtsp://new/2"
    assert not grants.cameras_of(user).exists()


@each_file
def test_the_command_line_changes_all_cameras(clerk: tuple[User, Client], tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_bytes(FILES[file])
    call_command("import_cameras", str(tmp_path / file))
    assert [camera.stream_url for camera in Camera.objects.all()] == ["rtsp://new/1", "rtsp://new/3", "rtsp://new/2"]
    assert addresses(clerk[0]) == {"Gate": "rtsp://new/1"}


@pytest.fixture
def failing_grants() -> Iterator[None]:
    """No grant can be stored."""

    def fail(**_: object) -> None:
        raise DatabaseError("no grant is stored")

    grants_added.connect(fail)
    yield
    grants_added.disconnect(fail)


def test_without_the_grants_of_its_user_the_page_stores_no_camera(
    clerk: tuple[User, Client], failing_grants: None
) -> None:
    user, client = clerk
    plan = checked(upload(client, FILES["cameras.csv"], "cameras.csv"))
    with pytest.raises(DatabaseError):
        client.post(PAGE, {"checked": plan})
    assert addresses(user) == {"Gate": "rtsp://old/gate"}
    assert Camera.objects.count() == 2


@pytest.mark.parametrize(
    ("path", "body", "type"), [("", {"name": "Roof"}, JSON), ("/import", "name\nRoof\n", "text/csv")]
)
def test_without_the_grants_of_its_user_the_api_stores_no_camera(
    clerk: tuple[User, Client], failing_grants: None, path: str, body: dict[str, str] | str, type: str
) -> None:
    api = Api("cameras.add_camera", "cameras.change_camera")
    with pytest.raises(DatabaseError):
        api("POST", CAMERAS + path, body, type)
    assert [camera.name for camera in Camera.objects.all()] == ["Gate", "Vault"]

"""The form for a camera: when a stored password is kept, removed or asked for again."""

import pytest
from pytest_django import Settings

from cameras.encryption import Undecryptable
from cameras.forms import CameraForm
from cameras.models import Camera

pytestmark = pytest.mark.django_db

PASSWORD = "kept s3cret"
URL = "rtsp://camera:554/live"


@pytest.fixture
def stored() -> Camera:
    return Camera.objects.create(name="Yard", stream_url=URL, username="operator", password=PASSWORD)


def fill(camera: Camera | None = None, **changes: str) -> CameraForm:
    data = {"name": "Yard", "stream_url": URL, "username": "operator", "password": "", "enabled": "on", **changes}
    return CameraForm(data, instance=camera)


def saved(form: CameraForm) -> Camera:
    assert form.is_valid(), form.errors
    form.save()
    return Camera.objects.get()


def test_a_password_is_stored_as_typed() -> None:
    assert saved(fill(password="  with spaces ")).password == "  with spaces "


def test_an_empty_password_field_keeps_the_stored_password(stored: Camera) -> None:
    camera = saved(fill(stored, name="Gate"))
    assert (camera.name, camera.password) == ("Gate", PASSWORD)


def test_a_password_is_removed_on_request_only(stored: Camera) -> None:
    assert saved(fill(stored, forget_password="on")).password == ""


def test_a_new_password_wins_over_the_request_to_remove_the_old_one(stored: Camera) -> None:
    assert saved(fill(stored, password="new", forget_password="on")).password == "new"


@pytest.mark.parametrize(
    "url", ["rtsp://other:554/live", "rtsp://camera:5540/live", "http://camera:554/live", "rtsp://camera.evil:554/live"]
)
def test_a_stored_password_is_not_sent_to_another_host(stored: Camera, url: str) -> None:
    form = fill(stored, stream_url=url)
    assert not form.is_valid()
    assert form.errors["password"] == ["The address is on another host. Enter the password again."]
    assert PASSWORD not in form.as_p()


@pytest.mark.parametrize("url", ["rtsp://other:554/sub", "rtsp://camera:5540/sub"])
def test_a_stored_password_is_not_sent_to_a_substream_on_another_host(stored: Camera, url: str) -> None:
    assert fill(stored, substream_url=url).errors["password"] == [
        "The address is on another host. Enter the password again."
    ]
    assert saved(fill(stored, substream_url="rtsp://camera:554/sub")).password == PASSWORD
    camera = saved(fill(stored, substream_url=url, password="typed again"))
    assert saved(fill(camera, substream_url=url, name="Gate")).password == "typed again"


def test_a_stored_password_is_not_sent_to_another_host_after_the_address_was_emptied(stored: Camera) -> None:
    """In two steps: first an empty address is saved, then another host."""
    camera = saved(fill(stored, stream_url=""))
    assert not fill(camera, stream_url="rtsp://other:554/live").is_valid()


@pytest.mark.parametrize("change", [{"password": "typed again"}, {"forget_password": "on"}])
def test_the_host_can_change_with_the_password_typed_again_or_removed(stored: Camera, change: dict[str, str]) -> None:
    assert saved(fill(stored, stream_url="rtsp://other/live", **change)).stream_url == "rtsp://other/live"


def test_another_path_on_the_same_host_keeps_the_password(stored: Camera) -> None:
    camera = saved(fill(stored, stream_url="rtsp://CAMERA:554/other?channel=2"))
    assert (camera.stream_url, camera.password) == ("rtsp://CAMERA:554/other?channel=2", PASSWORD)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "rtsp:///live",
        "rtsp://camera:99999/live",
        "rtsp://camera:port/live",
        "rtsp://[::1/live",
    ],
)
def test_a_mistyped_address_is_explained_whether_or_not_a_password_is_stored(stored: Camera, url: str) -> None:
    for camera in (None, stored):
        form = fill(camera, stream_url=url)
        assert not form.is_valid()
        assert form.errors["stream_url"]


def test_credentials_in_the_address_are_refused_with_a_hint_at_their_fields() -> None:
    form = fill(stream_url="rtsp://operator:typed@camera/live")
    assert not form.is_valid()
    assert form.errors["stream_url"] == [
        "Enter the user name and the password in their own fields, not in the address."
    ]


def test_the_rendered_form_never_contains_a_password(stored: Camera) -> None:
    refused = fill(stored, password="just typed", stream_url="nonsense")
    assert not refused.is_valid()
    for form in (CameraForm(instance=stored), refused):
        page = form.as_p()
        assert 'type="password"' in page
        assert PASSWORD not in page
        assert "just typed" not in page


def test_only_a_camera_with_a_stored_password_has_a_hint_at_it(stored: Camera) -> None:
    assert "Leave blank to keep the stored one." in CameraForm(instance=stored).as_p()
    assert "stored one" not in CameraForm().as_p()


def test_a_password_that_cannot_be_decrypted_survives_an_edit(stored: Camera, settings: Settings) -> None:
    right, settings.CAMERA_KEY = settings.CAMERA_KEY, "another key altogether"
    camera = saved(fill(Camera.objects.get(), name="Gate"))
    assert isinstance(camera.password, Undecryptable)
    settings.CAMERA_KEY = right
    assert Camera.objects.get().password == PASSWORD


def test_a_password_that_cannot_be_decrypted_is_not_sent_to_another_host(stored: Camera, settings: Settings) -> None:
    """With the right key again, it would be sent."""
    settings.CAMERA_KEY = "another key altogether"
    assert "password" in fill(Camera.objects.get(), stream_url="rtsp://other/live").errors

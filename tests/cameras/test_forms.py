"""The form for a camera: when a stored password is kept, removed or asked for again."""

import pytest
from pytest_django import Settings

from cameras.encryption import Undecryptable
from cameras.forms import ENTER_AGAIN, OTHER_HOST, CameraForm, PastedCameraForm
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


# Pasted addresses.


def paste(camera: Camera | None = None, **changes: str) -> PastedCameraForm:
    data = {"name": "Yard", "stream_url": URL, "username": "", "password": "", "enabled": "on", **changes}
    return PastedCameraForm(data, instance=camera)


def test_a_pasted_login_moves_into_its_fields() -> None:
    form = paste(stream_url=" rtsp://ada:p%40ss@camera:554/live?channel=1 ")
    camera = saved(form)
    assert form.pasted == {"username", "password"}
    assert (camera.stream_url, camera.username, camera.password) == (
        "rtsp://camera:554/live?channel=1", "ada", "p@ss",
    )  # fmt: skip


def test_an_address_without_a_login_moves_nothing() -> None:
    form = paste(username="ada", password="typed")
    camera = saved(form)
    assert not form.pasted
    assert (camera.stream_url, camera.username, camera.password) == (URL, "ada", "typed")


def test_a_pasted_login_replaces_the_one_in_the_fields(stored: Camera) -> None:
    camera = saved(paste(stored, stream_url="rtsp://ada:pasted@other/live", username="operator", password="typed"))
    assert (camera.username, camera.password) == ("ada", "pasted")


def test_a_pasted_user_name_alone_keeps_the_stored_password_on_its_host_only(stored: Camera) -> None:
    assert saved(paste(stored, stream_url="rtsp://ada@camera:554/live")).password == PASSWORD
    assert paste(stored, stream_url="rtsp://ada@other:554/live").errors["password"] == [OTHER_HOST]
    assert "password" not in paste(stored, stream_url="rtsp://ada@camera:port/live").errors


@pytest.mark.parametrize(
    "url", ["rtsp://ada:s3cret@169.254.169.254/", "rtsp://ada:s3cret@camera:port/", "rtsp://ada:s3cret@/live"]
)
def test_a_pasted_address_is_checked_like_any_other_and_the_password_asked_for_again(url: str) -> None:
    form = paste(stream_url=url)
    assert form.errors["stream_url"]
    assert form.errors["password"] == [ENTER_AGAIN]
    assert "s3cret" not in form.as_p()


@pytest.mark.parametrize("login", ["a" * 151 + ":b", "a:" + "b" * 151, "a%00b:c", "a:b%00c"])
def test_a_pasted_login_is_checked_like_a_typed_one(login: str) -> None:
    assert not paste(stream_url=f"rtsp://{login}@camera/").is_valid()

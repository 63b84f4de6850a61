"""Stored camera passwords, and changes of their keys."""

import logging
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import CharField
from django.db.models.functions import Cast
from pytest_django import Settings

from cameras.encryption import Undecryptable
from cameras.models import Camera
from cameras.sources import AddressError

pytestmark = pytest.mark.django_db

PASSWORD = "pässword with spaces"
OLD, NEW = "the key of last year", "the key of this year"


@pytest.fixture(autouse=True)
def _key(settings: Settings) -> None:
    settings.CAMERA_KEY = OLD


def stored() -> str:
    """The column's value in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM cameras_camera")
        return str(cursor.fetchone()[0])


def make(password: str = PASSWORD) -> Camera:
    return Camera.objects.create(name="Yard", stream_url="rtsp://camera/live", username="operator", password=password)


def test_a_stored_password_is_not_readable_in_the_database() -> None:
    make()
    assert PASSWORD not in stored()
    assert Camera.objects.get().password == PASSWORD


def test_two_equal_passwords_do_not_look_equal_in_the_database() -> None:
    first = make().pk
    one = stored()
    Camera.objects.get(pk=first).delete()
    make()
    assert stored() != one


def test_an_empty_password_is_stored_as_empty_text() -> None:
    make(password="")
    assert stored() == ""
    assert Camera.objects.get().password == ""


def test_with_a_new_key_before_the_old_one_passwords_are_readable_and_saved_under_the_new_one(
    settings: Settings,
) -> None:
    make()
    settings.CAMERA_KEY = f"{NEW}, {OLD}"
    camera = Camera.objects.get()
    assert camera.password == PASSWORD
    camera.save()
    settings.CAMERA_KEY = NEW
    assert Camera.objects.get().password == PASSWORD


def test_all_passwords_are_encrypted_again_with_the_newest_key(settings: Settings) -> None:
    for number in range(3):
        make(f"{PASSWORD} {number}")
    make(password="")
    settings.CAMERA_KEY = f"{NEW}, {OLD}"
    said = StringIO()
    call_command("rotate_camera_key", stdout=said)
    assert said.getvalue().startswith("3 camera passwords")
    settings.CAMERA_KEY = NEW
    assert sorted(camera.password for camera in Camera.objects.all()) == ["", *(f"{PASSWORD} {n}" for n in range(3))]


def test_rotation_changes_all_passwords_or_none(settings: Settings) -> None:
    camera = make()
    settings.CAMERA_KEY = "a key that is lost by now"
    lost = make()
    Camera.objects.filter(pk=lost.pk).update(name="Gate")
    settings.CAMERA_KEY = f"{NEW}, {OLD}"
    before = list(Camera.objects.values_list("pk", Cast("password", CharField())))
    with pytest.raises(CommandError, match=rf"Nothing was changed.*Gate \({lost.pk}\)"):
        call_command("rotate_camera_key")
    assert list(Camera.objects.values_list("pk", Cast("password", CharField()))) == before
    settings.CAMERA_KEY = OLD
    assert Camera.objects.get(pk=camera.pk).password == PASSWORD


def test_with_a_wrong_key_the_camera_is_still_listed_and_cannot_be_opened(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    make()
    settings.CAMERA_KEY = NEW
    camera = Camera.objects.get()
    assert isinstance(camera.password, Undecryptable)
    assert camera.password == ""
    with pytest.raises(AddressError, match="CAMERA_KEY has changed"):
        _ = camera.source
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert stored() not in caplog.text


def test_saving_a_camera_under_a_wrong_key_loses_nothing(settings: Settings) -> None:
    make()
    before = stored()
    settings.CAMERA_KEY = NEW
    camera = Camera.objects.get()
    camera.name = "Gate"
    camera.save()
    assert stored() == before
    settings.CAMERA_KEY = OLD
    assert Camera.objects.get().password == PASSWORD


@pytest.mark.parametrize("text", ["written by hand", "geschützt"])
def test_a_text_that_no_key_encrypted_is_undecryptable(text: str) -> None:
    make()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cameras_camera SET password = %s", [text])
    assert isinstance(Camera.objects.get().password, Undecryptable)

"""*Test connection* on cameras of every codec."""

import base64
import socket
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from cameras import grants
from cameras.models import Camera
from cameras.simulator import SimulatedCamera, Simulator
from cameras.sources import CameraSource
from streaming.ingest.probe import source_of_form, try_camera
from tests.servers import free_port


@pytest.mark.parametrize(
    ("transport", "codec", "name"),
    [
        ("rtsp", "h264", "h264"),
        ("rtsp", "h265", "hevc"),
        ("rtsp", "mjpeg", "mjpeg"),
        ("http", "mjpeg", "mjpeg"),
    ],
)
async def test_a_camera_of_any_codec_gives_its_picture_its_size_and_its_codec(
    simulator: Simulator, transport: str, codec: str, name: str
) -> None:
    camera = simulator.add(SimulatedCamera("Yard", "yard", 320, 240, 15, transport=transport, codec=codec))
    result = await try_camera(CameraSource(camera.url))
    assert result["ok"], result
    assert (result["width"], result["height"], result["codec"]) == (320, 240, name)
    assert base64.b64decode(result["picture"].partition(",")[2]).startswith(b"\xff\xd8")


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_a_camera_with_parameter_sets_in_the_session_description_only_gives_its_picture(
    simulator: Simulator, codec: str
) -> None:
    camera = SimulatedCamera("Yard", "yard", 320, 240, 15, codec=codec, repeat_parameter_sets="none")
    result = await try_camera(CameraSource(simulator.add(camera).url))
    assert result["ok"], result


async def test_an_unknown_host_a_refused_port_a_wrong_login_and_a_wrong_path_are_told_apart(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = SimulatedCamera("Yard", "yard", 320, 240, 15, username="ada", password="s3cret")
    url = simulator.add(camera).url

    async def told(url: str, username: str = "", password: str = "") -> str:
        result = await try_camera(CameraSource(url, username, password))
        assert not result["ok"]
        return str(result["message"])

    assert await told(f"rtsp://127.0.0.1:{free_port()}/yard") == "Connection refused. Check the address and port."
    assert await told(url) == "The camera wants a user name and a password."
    assert await told(url, "ada", "wrong") == "The camera refused the user name or the password."
    assert await told(f"{url}x", "ada", "s3cret") == "No stream at this path."
    assert (await try_camera(CameraSource(url, "ada", "s3cret")))["ok"]

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert await told("rtsp://yard.example/") == "The host name is not known. Check the address."


@pytest.mark.django_db
def test_the_page_tests_a_pasted_address_with_its_login(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[CameraSource] = []

    async def try_camera(source: CameraSource) -> dict[str, Any]:
        tried.append(source)
        return {"ok": True}

    monkeypatch.setattr("streaming.ingest.probe.try_camera", try_camera)
    client.force_login(User.objects.create_superuser("admin"))
    client.post("/api/v1/cameras/test-connection", {"stream_url": "rtsp://ada:s3cret@10.0.0.5/yard"})
    assert tried == [CameraSource("rtsp://10.0.0.5/yard", "ada", "s3cret")]


@pytest.mark.django_db
def test_a_stored_password_that_cannot_be_decrypted_is_told_instead_of_tried_as_none(settings: Any) -> None:
    stored = Camera.objects.create(name="Yard", stream_url="rtsp://127.0.0.1:9/yard", password="s3cret")
    fields = {"id": stored.pk, "stream_url": stored.stream_url}
    assert source_of_form(fields, Camera.objects.all()) == CameraSource(stored.stream_url, "", "s3cret")
    settings.CAMERA_KEY = "another camera key of the tests"
    told = source_of_form(fields, Camera.objects.all())
    assert told == "The stored password cannot be decrypted, because CAMERA_KEY has changed. Enter it again."
    forgotten = source_of_form({**fields, "forget_password": "on"}, Camera.objects.all())
    assert forgotten == CameraSource(stored.stream_url)


@pytest.mark.django_db
def test_only_users_who_may_change_a_camera_can_test_it_with_its_password(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[CameraSource] = []

    async def try_camera(source: CameraSource) -> dict[str, Any]:
        tried.append(source)
        return {"ok": True}

    monkeypatch.setattr("streaming.ingest.probe.try_camera", try_camera)
    camera = Camera.objects.create(name="Yard", stream_url="rtsp://10.0.0.5/yard", username="ada", password="s3cret")
    user = User.objects.create_user("staff", is_staff=True)
    client.force_login(user)

    def status(**fields: Any) -> int:
        return client.post(
            "/api/v1/cameras/test-connection", {"stream_url": "rtsp://10.0.0.5/other"} | fields
        ).status_code

    user.user_permissions.set(Permission.objects.filter(codename="add_camera"))
    assert [status(), status(id=camera.pk)] == [200, 403]
    user.user_permissions.set(Permission.objects.filter(codename="change_camera"))
    assert [status(), status(id=camera.pk), status(id=uuid.uuid4()), status(id="x")] == [403, 200, 200, 200]
    assert [source.password for source in tried] == ["", "s3cret", "", ""]
    grants.set_cameras(user, [Camera.objects.create(name="Gate")])
    assert status(id=camera.pk) == 200
    assert tried[-1].password == "", "the camera is hidden: it is as one that does not exist"

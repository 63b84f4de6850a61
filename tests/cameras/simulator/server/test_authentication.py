"""Authentication of a camera with a password."""

import base64
import hashlib
import re
from urllib.parse import quote

import pytest

from cameras.simulator import SimulatedCamera, Simulator

from ..clients import RtspSocket, read, watch

pytestmark = pytest.mark.timeout(60)

USERNAME, PASSWORD = "admin", "s3cret:/@"


@pytest.fixture
def locked(simulator: Simulator) -> SimulatedCamera:
    camera = SimulatedCamera("Garden", "garden", 320, 180, username=USERNAME, password=PASSWORD)
    return simulator.add(camera)


def _with_credentials(url: str, username: str, password: str) -> str:
    return url.replace("rtsp://", f"rtsp://{quote(username, safe='')}:{quote(password, safe='')}@")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_opencv_opens_a_camera_with_the_password(locked: SimulatedCamera) -> None:
    with watch(_with_credentials(locked.url, USERNAME, PASSWORD)) as capture:
        read(capture)


@pytest.mark.parametrize(("username", "password"), [(USERNAME, "wrong"), ("other", PASSWORD), ("", "")])
def test_opencv_cannot_open_it_without_the_password(locked: SimulatedCamera, username: str, password: str) -> None:
    with watch(_with_credentials(locked.url, username, password)) as capture:
        assert not capture.isOpened()
    assert locked.connections_total == 0


def test_digest_is_offered_before_basic(locked: SimulatedCamera) -> None:
    with RtspSocket(locked.url) as client:
        assert client.request("DESCRIBE") == 401
        offers = [value.split()[0] for name, value in client.headers if name == "www-authenticate"]
        assert offers == ["Digest", "Basic"]


@pytest.mark.parametrize(("password", "status"), [(PASSWORD, 200), ("wrong", 401)])
def test_basic_credentials_are_checked(locked: SimulatedCamera, password: str, status: int) -> None:
    credentials = base64.b64encode(f"{USERNAME}:{password}".encode()).decode()
    with RtspSocket(locked.url) as client:
        assert client.request("DESCRIBE", Authorization=f"Basic {credentials}") == status


@pytest.mark.parametrize(("password", "status"), [(PASSWORD, 200), ("wrong", 401)])
def test_digest_credentials_are_checked(locked: SimulatedCamera, password: str, status: int) -> None:
    with RtspSocket(locked.url) as client:
        client.request("DESCRIBE")
        offer = next(value for name, value in client.headers if name == "www-authenticate")
        asked = dict(re.findall(r'(\w+)="([^"]*)"', offer))
        secret = _md5(f"{USERNAME}:{asked['realm']}:{password}")
        response = _md5(f"{secret}:{asked['nonce']}:{_md5(f'DESCRIBE:{locked.url}')}")
        given = {"username": USERNAME, **asked, "uri": locked.url, "response": response}
        fields = ", ".join(f'{name}="{value}"' for name, value in given.items())
        assert client.request("DESCRIBE", Authorization=f"Digest {fields}") == status


@pytest.mark.parametrize("authorization", ["Basic", "Basic !", "Digest", "Bearer x", "Basic \u00fc"])
def test_malformed_credentials_are_refused(locked: SimulatedCamera, authorization: str) -> None:
    with RtspSocket(locked.url) as client:
        assert client.request("DESCRIBE", Authorization=authorization) == 401


def test_the_password_is_not_in_the_cameras_representation_or_address(locked: SimulatedCamera) -> None:
    assert PASSWORD not in f"{locked!r} {locked.url}"

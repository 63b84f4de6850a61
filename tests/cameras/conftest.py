import pytest

from cameras.models import Camera
from tests.cameras.api_client import PASSWORD, URL, Api


@pytest.fixture
def camera() -> Camera:
    return Camera.objects.create(name="Yard", stream_url=URL, username="operator", password=PASSWORD)


@pytest.fixture
def api() -> Api:
    return Api("cameras.view_camera", "cameras.add_camera", "cameras.change_camera", "cameras.delete_camera")

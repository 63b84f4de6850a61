"""Fixtures for modules whose `installation` already has a worker."""

import pytest

from cameras.simulator import SimulatedCamera
from tests.client import Session
from tests.servers import Site


@pytest.fixture
def session(installation: Site) -> Session:
    return Session(installation.workers[0].base)


@pytest.fixture
def camera_id(installation: Site, camera: SimulatedCamera) -> str:
    return installation.add_camera("Yard", camera.url)

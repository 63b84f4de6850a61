"""Two workers, and each user's API at the second of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.api.client import LIMITS, MAKE, Api
from tests.client import Session
from tests.servers import Site, site


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template, STREAM_READ_TIMEOUT_SECONDS="1") as created:
        created.start_workers(2)
        yield created


@pytest.fixture(scope="package")
def tokens(installation: Site) -> dict[str, str]:
    lines = installation.manage("shell", "-v0", "-c", MAKE).splitlines()
    return dict(line.split(" ") for line in lines if " nvr_" in line)


@pytest.fixture
def people(installation: Site, tokens: dict[str, str]) -> dict[str, Api]:
    return {name: Api(installation.workers[1].base, token) for name, token in tokens.items()}


@pytest.fixture
def admin(people: dict[str, Api]) -> Iterator[Api]:
    """The API of a superuser. Resets all limits after the test."""
    yield people["admin"]
    nothing = dict.fromkeys(LIMITS)
    assert people["admin"]("PUT", "/limits", nothing)[0] == 200
    assert people["admin"]("DELETE", "/limits/trial")[0] == 200


@pytest.fixture
def viewer(installation: Site) -> Session:
    return Session(installation.workers[0].base)

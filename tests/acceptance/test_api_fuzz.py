"""The JSON API matches its description. Schemathesis reads it and sends valid and invalid requests.

On a worker of its own, with a superuser's token, so that everything may happen to its database. Addresses of cameras
are turned into ones of this machine before they are sent: some operations open them.
"""

import contextlib
import csv
import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import schemathesis.wfc.escalation  # else imported in a test, where compiling it has failed (CPython #106905)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from schemathesis import Case

from cameras.models import Wall
from cameras.sources import AddressError, check_address
from cameras.spreadsheets import COLUMNS
from cameras.wall_schemas import TileIn
from nvr.api import api
from tests.servers import Site, site

MAKE = """
from django.contrib.auth.models import User
from cameras import tokens
print(tokens.issue(User.objects.get(username="admin"), "fuzz"))
"""
NOBODY = "rtsp://127.0.0.1:1/"  # nothing listens there

word = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)
rows = st.lists(st.tuples(st.uuids().map(str), st.just(NOBODY) | st.just(""), word), max_size=4)


def _file(rows: list[tuple[str, str, str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, *((*row, "", "true") for row in rows)])
    return text.getvalue().encode()


schemathesis.openapi.media_type("text/csv", rows.map(_file))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), template, STREAM_READ_TIMEOUT_SECONDS="1") as created:
        created.start_worker()
        yield created


@pytest.fixture(scope="module")
def token(installation: Site) -> str:
    return next(line for line in installation.manage("shell", "-v0", "-c", MAKE).split() if line.startswith("nvr_"))


@pytest.fixture(scope="module")
def camera(installation: Site) -> str:
    """A camera that exists during all tests of the module."""
    return installation.add_camera("Yard", NOBODY)


FRAMING = {"content-length", "transfer-encoding", "connection", "host"}

# Read here and not from a worker, so that each operation is a test of its own. A worker serves the same description.
schema = schemathesis.openapi.from_dict(json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"))))


@pytest.mark.timeout(240)
@schema.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_the_api_is_as_described(case: Case[Any], installation: Site, token: str, camera: str) -> None:
    _tame(case, camera)
    case.call_and_validate(base_url=installation.workers[0].base, headers={"Authorization": f"Bearer {token}"})


def _tiles(tiles: list[Any], camera: str) -> list[Any]:
    """Returns valid tiles as one of the existing camera: it can be on a wall once. Returns others as they are."""
    with contextlib.suppress(ValidationError):
        for tile in tiles:
            TileIn.model_validate_json(json.dumps(tile))
        return [{**tile, "camera": camera} for tile in tiles[:1]] if len(tiles) <= Wall.MAX_TILES else tiles
    return tiles


def _tame(case: Case[Any], camera: str) -> None:
    """Replaces addresses by one of this machine, and ids by the id of an existing camera. Removes headers that frame the
    message: a wrong one is refused by the HTTP server, which knows nothing of the API."""
    for name in [name for name in case.headers if name.lower() in FRAMING]:
        del case.headers[name]
    for field in ("stream_url", "substream_url"):
        if isinstance(case.body, dict) and isinstance(address := case.body.get(field), str) and len(address) <= 500:
            with contextlib.suppress(AddressError):
                check_address(address)
                case.body[field] = NOBODY
    if isinstance(case.body, dict) and isinstance(tiles := case.body.get("tiles"), list):
        case.body["tiles"] = _tiles(tiles, camera)
    id = case.path_parameters.get("camera_id")
    if case.method != "DELETE" and isinstance(id, str):
        with contextlib.suppress(ValueError):
            case.path_parameters["camera_id"] = camera if str(uuid.UUID(id)) == id else id

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.nvr.websocket_server import Viewer, Watched, Writes, connected


@pytest.fixture(params=["tcp", "unix"])
async def viewer(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Viewer]:
    async with connected(Watched, tmp_path / "worker.sock" if request.param == "unix" else None) as viewer:
        yield viewer


@pytest.fixture
def writes(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> Writes:
    return Writes(viewer.server.transport, monkeypatch)

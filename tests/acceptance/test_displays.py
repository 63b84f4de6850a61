"""Displays at the WebSocket: a display watches its wall only, and its streams end with its access."""

from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from cameras.displays import COOKIE
from cameras.simulator import SimulatedCamera
from tests.client import Session, Stream
from tests.servers import Site
from tests.walls import NOW, add_display, add_wall, change_displays, change_wall, remove_walls

PUT_OUT = 15  # seconds within which a stream ends after its display has lost access


class Screen(Session):
    """A display at one worker."""

    def __init__(self, base: str, token: str) -> None:
        super().__init__(base, username="")
        self._token = token

    @property
    def cookie(self) -> str:
        return f"{COOKIE}={self._token}"


@pytest.fixture
def shown(installation: Site, camera: SimulatedCamera) -> str:
    """A camera on the wall of the display."""
    return installation.add_camera("Door", camera.url)


@pytest.fixture
def hidden(installation: Site, camera: SimulatedCamera) -> str:
    return installation.add_camera("Vault", camera.url)


@pytest.fixture
def screen(installation: Site, shown: str) -> Iterator[Screen]:
    worker = installation.workers[0] if installation.workers else installation.start_worker()
    add_wall(installation, "lobby", [shown])
    yield Screen(worker.base, add_display(installation, "lobby"))
    remove_walls(installation)


async def test_a_display_watches_the_cameras_of_its_wall_and_no_other(screen: Screen, shown: str, hidden: str) -> None:
    async with Stream(screen, shown) as stream, Stream(screen, hidden) as refused:
        await stream.live()
        assert await refused.ended() == 4004
        assert "Vault" not in str(refused.messages)


async def test_a_stranger_with_a_wrong_token_is_not_logged_in(screen: Screen, shown: str) -> None:
    async with Stream(Screen(screen.base, "nvr_" + "A" * 43), shown) as refused:
        assert await refused.ended() == 4401


async def test_a_running_stream_ends_with_the_access_of_its_display_or_when_its_camera_is_taken_off_the_wall(
    installation: Site, screen: Screen, shown: str, hidden: str
) -> None:
    changes = {"expires": NOW, "revoked": NOW, "issuer_id": "NULL"}  # without an event
    tokens = {column: add_display(installation, "lobby") for column in changes}
    add_wall(installation, "hall", [shown])
    in_hall = Screen(screen.base, add_display(installation, "hall"))
    async with AsyncExitStack() as stack:
        screens = [*(Screen(screen.base, token) for token in tokens.values()), in_hall, screen]
        streams = [await (await stack.enter_async_context(Stream(each, shown))).live() for each in screens]
        for column, token in tokens.items():
            change_displays(installation, column, changes[column], token)
        change_wall(installation, "hall", [hidden])
        assert [await stream.ended(PUT_OUT) for stream in streams[:-1]] == [4401, 4401, 4401, 4004]
        assert streams[-1].close_code is None


@pytest.mark.timing("the check each ten seconds may end the stream first")
async def test_a_log_out_and_an_ended_session_leave_the_display_alone(screen: Screen, shown: str) -> None:
    admin = Session(screen.base, "admin")
    async with Stream(screen, shown) as stream, Stream(admin, shown) as ended:
        await stream.live()
        await ended.live()
        admin.post("/accounts/logout/", {})
        assert await ended.ended(5) == 4401
        count = stream.count
        await stream.until(lambda it: it.count > count + 5)


async def test_an_administrator_sees_a_display_among_the_viewers_and_stops_and_blocks_it(
    screen: Screen, shown: str
) -> None:
    admin = Session(screen.base, "admin")
    async with Stream(screen, shown) as stream:
        await stream.live()
        (row,) = [item for item in admin.json("/api/v1/streams")["items"] if item["user_id"].startswith("display-")]
        assert row["user"] == "Display Entrance"
        order = {"viewing": row["id"], "message": "No.", "block_seconds": "60"}
        status, _ = admin.post("/admin/streaming/system/stop/", order)
        assert status == 200
        assert await stream.ended() == 4410
    async with Stream(screen, shown) as again:
        assert await again.ended() == 4410
    assert "display-" in str(admin.json("/api/v1/blocks"))

"""The waiting line in the JSON API: read, ordered, and a viewer removed."""

import asyncio
from typing import Any

from cameras.simulator import SimulatedCamera
from tests.acceptance.api.client import LOG, Api
from tests.client import Session, Stream, eventually
from tests.servers import Site


def is_waiting(stream: Stream) -> bool:
    return any(message.get("state") == "waiting" for message in stream.messages)


def rows(api: Api) -> list[dict[str, Any]]:
    status, page = api("GET", "/line")
    assert (status, page["count"]) == (200, len(page["items"]))
    found: list[dict[str, Any]] = page["items"]
    return found


def users(api: Api) -> list[str]:
    return [row["user"] for row in rows(api)]


async def full_house(installation: Site, admin: Api) -> None:
    """Leaves one slot, at both workers."""
    await asyncio.to_thread(admin, "PATCH", "/limits", {"max_concurrent": 1})
    for worker in installation.workers:
        other = Api(worker.base, admin.token)
        await eventually(lambda other=other: other("GET", "/limits")[1]["usage"]["limit"] == 1)  # type: ignore[misc]


async def test_the_line_is_listed_ordered_and_shortened(
    installation: Site, admin: Api, viewer: Session, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    viewer2 = Session(installation.workers[1].base, "viewer2")
    await full_house(installation, admin)
    async with Stream(viewer, id) as holder:
        await holder.live()
        async with Stream(viewer, id, "?wait=1") as one, Stream(viewer2, id, "?wait=1") as two:
            for stream in (one, two):
                await stream.until(is_waiting)
            await eventually(lambda: len(rows(admin)) == 2)
            first, second = sorted(rows(admin), key=lambda row: str(row["user"]))
            assert (first["user"], first["camera"], first["camera_id"]) == ("viewer", "Yard", id)
            assert (first["priority"], first["reason"]) == ("ordinary", "limit_reached")
            assert {first["position"], second["position"]} == {1, 2}
            assert first["since"].endswith("Z")
            path = f"/line/{second['id']}"
            assert await asyncio.to_thread(admin, "POST", f"{path}/front") == (204, None)
            moved = rows(admin)[0]
            assert (moved["user"], moved["priority"]) == ("viewer2", "front")
            order = {"message": "Not today."}
            assert await asyncio.to_thread(admin, "POST", f"/line/{first['id']}/remove", order) == (204, None)
            assert await one.ended(5) == 4410
            assert one.last("error")["message"] == "Not today."
            status, answer = await asyncio.to_thread(admin, "POST", f"/line/{first['id']}/remove", order)
            assert (status, answer["error"]["reason"]) == (404, "waiting_not_found")
            assert users(admin) == ["viewer2"]
            await holder.close()
            await two.live()
            assert users(admin) == []
    log = installation.manage("shell", "-v0", "-c", LOG)
    assert "admin: Moved viewer2 to the front of the line for Yard\n" in log
    assert "admin: Removed viewer from the line for Yard: Not today." in log


async def test_an_order_that_is_not_valid_changes_nothing(admin: Api) -> None:
    for body, field in (({"message": "a\0b"}, "message"), ({"block_seconds": 5}, "block_seconds")):
        status, answer = await asyncio.to_thread(admin, "POST", "/line/none/remove", body)
        assert (status, list(answer["error"]["fields"])) == (422, [field])

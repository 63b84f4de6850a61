"""Grants: a hidden camera is named nowhere, and streams end with the grant."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

import pytest

from cameras.simulator import SimulatedCamera, Simulator
from tests.acceptance.hidden_camera import (
    FIND,
    IMPORT,
    NAME,
    NAMED,
    PATH,
    PEOPLE,
    SEED,
    SEEING,
    SNAPSHOT,
    Scene,
    ask,
    checks_of_a_file,
    leaks_of,
    walked,
)
from tests.client import Session, Stream
from tests.servers import Site

AT_ONCE, PUT_OUT = 3, 15  # seconds within which a stream ends: with a control event, and without one


@pytest.fixture
async def scene(installation: Site, simulator: Simulator) -> AsyncIterator[Scene]:
    urls = [simulator.add(SimulatedCamera(name=name, path=name, width=320, height=240)).url for name in (PATH, "lobby")]
    hidden, lobby = (installation.add_camera(name, url) for name, url in zip((NAME, "Lobby"), urls, strict=True))
    worker = installation.start_worker(STREAM_MAX_CONCURRENT="1", STREAM_STILLS_PER_USER="1000")
    ids = {"camera": hidden, **json.loads(installation.manage("shell", "-v0", "-c", SEED).splitlines()[-1])}
    admin = Session(worker.base, "admin")
    async with Stream(admin, hidden) as watching, Stream(admin, hidden, "?wait=1") as waiting:
        await watching.live()
        await waiting.until(lambda stream: bool(stream.messages))
        (place,) = admin.json("/api/v1/line")["items"]
        ids |= {"viewing": watching.last("info")["viewing_id"], "waiting": place["id"]}
        yield Scene(worker.base, lobby, watching, waiting, ids)


@pytest.mark.timeout(300)
async def test_no_address_names_or_shows_a_hidden_camera(scene: Scene) -> None:
    sessions = {name: Session(scene.base, name) for name in ("", *PEOPLE)}
    sessions[""].get("/accounts/login/")  # sets the CSRF token
    for name, session in sessions.items():
        pages = [ask(session, "GET", path).text for path in ("/", "/wall/")]
        assert all("Lobby" in page for page in pages) is (name in SEEING), name
        leaks = await asyncio.to_thread(leaks_of, scene, session, scene.ids["token"] if name == "program" else "")
        assert not leaks, f"{name}: {leaks}"
    assert (scene.watching.close_code, scene.waiting.close_code) == (None, None)


async def test_the_walk_would_find_the_camera_where_an_administrator_sees_it(scene: Scene) -> None:
    admin = Session(scene.base, "admin")
    assert {*NAMED, SNAPSHOT, IMPORT, FIND} <= set(walked())

    def silent() -> list[str]:
        return [path for path in (*NAMED, SNAPSHOT) if not ask(admin, "GET", path.format(**scene.ids)).betrays]

    assert not await asyncio.to_thread(silent)


async def test_the_check_of_a_file_does_not_tell_that_a_hidden_camera_has_a_name_of_it(scene: Scene) -> None:
    unknown = "Vault 0000"
    told = {}
    for name in (*PEOPLE, "admin"):
        session = Session(scene.base, name)
        token = scene.ids["token"] if name == "program" else ""
        hidden, twin = (checks_of_a_file(session, camera, token) for camera in (NAME, unknown))
        assert not any(PATH in text for _, text in hidden) or name == "admin", name
        told[name] = [status for status, _ in hidden]
        is_same = [(status, text.replace(NAME, unknown)) for status, text in hidden] == twin
        assert is_same is (name != "admin"), name  # an administrator sees all: here a leak would be found
    assert (told["manager"][0], told["program"][1]) == (200, 200)


async def test_staff_stop_a_viewer_and_empty_the_line_of_a_camera_without_learning_its_name(scene: Scene) -> None:
    manager, system = Session(scene.base, "manager"), "/admin/streaming/system/"
    hidden = f"Hidden camera {scene.hidden[:8]}"
    usage = await asyncio.to_thread(manager.json, f"{system}usage/")
    assert ([row["camera"] for row in usage["viewers"]], usage["cameras"]) == ([hidden], [])
    assert [row["camera"] for row in manager.json(f"{system}line/")["line"]] == [hidden]
    answers = [
        ask(manager, "POST", f"{system}line-remove/", f"waiting={scene.ids['waiting']}"),
        ask(manager, "POST", f"{system}stop/", f"viewing={scene.ids['viewing']}"),
        ask(manager, "GET", "/admin/"),  # with one's own actions
    ]
    assert (await scene.waiting.ended(), await scene.watching.ended()) == (4410, 4410)
    assert [(answer.status, answer.betrays) for answer in answers] == [(200, False)] * 3
    assert f"Stopped the stream of admin at {hidden}" in answers[-1].text


async def test_a_stream_of_a_hidden_camera_ends_as_that_of_one_that_does_not_exist(scene: Scene) -> None:
    queries = ("", "?wait=1", "?resume=", f"?replace={scene.ids['viewing']}", "?quality=best")
    for name in PEOPLE:
        session = Session(scene.base, name)
        for query in queries:
            said = []
            for camera in (scene.hidden, str(uuid.uuid4())):
                async with Stream(session, camera, query) as stream:
                    said.append((await stream.ended(), stream.messages))
            assert said[0] == said[1], (name, query)
            assert said[0][0] == (4422 if "best" in query else 4403 if name == "stranger" else 4004)
    assert scene.watching.close_code is None


def take_grants(base: str, holder: str, id: str) -> None:
    """Removes all grants of a "user" or "group", as an administrator does."""
    page = f"/admin/cameras/{holder}cameras/{id}/change/"
    admin = Session(base, "admin")
    admin.get(page)
    assert b"was changed successfully" in admin.post(page, {})[1]


@pytest.mark.timing("the check each ten seconds may end the stream first")
async def test_a_stream_and_a_place_in_line_end_with_their_grant(scene: Scene) -> None:
    granted, member, manager = (Session(scene.base, name) for name in ("granted", "member", "manager"))
    await scene.free()
    async with Stream(granted, scene.lobby) as stream, Stream(manager, scene.lobby, "?wait=1") as next:
        await stream.live()
        async with Stream(member, scene.lobby, "?wait=1") as waiting:
            await waiting.until(lambda stream: bool(stream.messages))
            await asyncio.to_thread(take_grants, scene.base, "group", scene.ids["group"])
            assert (await waiting.ended(AT_ONCE), waiting.count) == (4004, 0)
        assert stream.close_code is None
        await asyncio.to_thread(take_grants, scene.base, "user", scene.ids["user"])
        assert await stream.ended(AT_ONCE) == 4004
        await next.live()


async def test_a_stream_ends_when_its_grant_is_gone_though_no_event_says_so(scene: Scene, installation: Site) -> None:
    await scene.free()
    async with Stream(Session(scene.base, "granted"), scene.lobby) as stream:
        await stream.live()
        installation.execute("DELETE FROM cameras_cameragrant WHERE user_id = ?", (scene.ids["user"],))
        assert await stream.ended(PUT_OUT) == 4004


@pytest.mark.timing("the check each ten seconds may end the stream first")
async def test_a_refusal_does_not_name_one_s_own_stream_of_a_camera_that_is_hidden_by_now(
    scene: Scene, installation: Site
) -> None:
    await scene.free()
    granted, move = Session(scene.base, "granted"), "UPDATE cameras_cameragrant SET camera_id = ? WHERE user_id = ?"
    async with Stream(granted, scene.lobby) as stream:
        await stream.live()
        installation.execute(move, (uuid.UUID(scene.hidden).hex, scene.ids["user"]))
        async with Stream(granted, scene.hidden) as refused:
            assert await refused.ended() == 4429
            assert refused.last("error")["yours"] == []

"""Stills: how often they are renewed, their part of the budget, and the limit of each user."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from email.message import Message

import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from tests.client import Session, Stream, eventually
from tests.servers import Site

Answer = tuple[int, Message, bytes]


def ask(session: Session, camera: str, quality: str = "low", **headers: str) -> Answer:
    path = f"{session.base}/api/v1/cameras/{camera}/stream/snapshot?quality={quality}"
    request = urllib.request.Request(path, headers={"Cookie": session.cookie, **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def ask_for(seconds: float, sessions: list[Session], camera: str, quality: str = "low", times: int = 1) -> list[Answer]:
    """Asks repeatedly, each worker in turn, for `seconds` and until there are `times` answers."""
    answers: list[Answer] = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at or len(answers) < times:
        answers += [ask(session, camera, quality) for session in sessions]
    return answers


def gate_of(session: Session) -> dict[str, float]:
    found: dict[str, float] = session.json("/admin/streaming/system/usage/")["gate"]
    return found


async def test_a_watched_camera_has_a_new_still_each_two_seconds_however_many_ask_at_two_workers(
    installation: Site, camera: SimulatedCamera
) -> None:
    workers = installation.start_workers(2, STREAM_STILLS_PER_USER="1000")
    id = installation.add_camera("Yard", camera.url)
    session = Session(workers[0].base)
    sessions = [session, session.at(workers[1].base)]
    async with Stream(sessions[0], id, "?quality=low") as one, Stream(sessions[1], id, "?quality=low") as other:
        await one.live()
        await other.live()
        started = time.monotonic()
        answers = await asyncio.to_thread(ask_for, 6, sessions, id, times=21)
        seconds = time.monotonic() - started
    assert {status for status, *_ in answers} == {200}
    assert len(answers) > 20
    taken = {headers["X-Frame-Time"] for _, headers, _ in answers}
    assert 2 <= len(taken) <= seconds / 2 + 1, taken  # 0, 2, 4 and 6 s
    assert len({body for *_, body in answers}) == len(taken)


async def test_a_still_that_has_not_changed_is_not_sent_again(installation: Site, camera: SimulatedCamera) -> None:
    session = Session(installation.start_worker(STREAM_STILL_SECONDS="30").base)
    id = installation.add_camera("Yard", camera.url)
    status, headers, body = ask(session, id)
    assert (status, body[:2]) == (200, b"\xff\xd8")
    status, _, body = ask(session, id, **{"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b"")
    assert ask(session, id, "medium", **{"If-None-Match": headers["ETag"]})[0] == 200


@pytest.mark.parametrize("video", [{"width": 1280, "height": 720, "fps": 15}])  # three stills a second reach the rate
@pytest.mark.timing("needs a rate of stills of 2.5 Mbit/s")
async def test_stills_count_in_the_budget_and_are_refused_when_it_is_used_up(
    installation: Site, camera: SimulatedCamera
) -> None:
    worker = installation.start_worker(STREAM_MAX_MBPS="4", STREAM_STILLS_PER_USER="1000")
    id = installation.add_camera("Yard", camera.url)
    session, admin = Session(worker.base), Session(worker.base, "admin")
    flood = asyncio.create_task(asyncio.to_thread(ask_for, 12, [session], id, "high"))
    sent = []
    await eventually(lambda: gate_of(admin)["mbps"] > 3, 10)
    async with Stream(session, id, "?quality=low") as new_viewer:  # counted as 1.5 Mbit/s before the first measurement
        assert await new_viewer.ended() == 4429
        assert new_viewer.last("error")["reason"] == "bandwidth_reached"
    for _ in range(8):
        sent.append((await asyncio.to_thread(gate_of, admin))["mbps"])
        await asyncio.sleep(0.5)
    assert max(sent) <= 4
    answers = await flood
    assert {status for status, *_ in answers} == {200, 429}
    _, headers, body = next(answer for answer in answers if answer[0] == 429)
    assert json.loads(body)["error"]["reason"] == "bandwidth_reached"
    assert int(headers["Retry-After"]) > 0
    await eventually(lambda: gate_of(admin)["mbps"] == gate_of(admin)["counted_mbps"] == 0, 15)
    async with Stream(session, id, "?quality=low") as new_viewer:
        await new_viewer.live()


@pytest.mark.timing("measures how long a still waits beside silent cameras")
async def test_two_hundred_requests_of_one_user_at_once_leave_the_others_their_stills(
    installation: Site, simulator: Simulator
) -> None:
    """Forty silent cameras, with five requests each, and one healthy camera."""
    # Without OPENCV_FFMPEG_IS_THREAD_SAFE, OpenCV opens one camera at a time.
    worker = installation.start_worker(
        STREAM_STILLS_PER_USER="100", STREAM_READ_TIMEOUT_SECONDS="8", OPENCV_FFMPEG_IS_THREAD_SAFE="1"
    )
    silent = simulator.add(SimulatedCamera("Silent", "silent", width=160, height=120))
    silent.fault = Fault.HANG
    well = simulator.add(SimulatedCamera("Yard", "yard", width=160, height=120))
    silents = [installation.add_camera(f"Silent {number}", silent.url) for number in range(40)]
    id = installation.add_camera("Yard", well.url)
    greedy, modest = Session(worker.base), Session(worker.base, "viewer2")
    with ThreadPoolExecutor(200) as pool:
        asked = [pool.submit(ask, greedy, camera) for camera in silents for _ in range(5)]
        await eventually(lambda: silent.connections >= 1, 10)
        started = time.monotonic()
        status, *_ = await asyncio.to_thread(ask, modest, id)
        waited = time.monotonic() - started
        answers = await asyncio.gather(*map(asyncio.wrap_future, asked))
    assert status == 200
    assert waited < 7, waited  # whoever waits for a silent camera waits for eight seconds
    assert {status for status, *_ in answers} <= {429, 503}


def test_a_user_who_asks_too_often_is_told_when_to_come_back(installation: Site, camera: SimulatedCamera) -> None:
    session = Session(installation.start_worker(STREAM_STILLS_PER_USER="5").base)
    other = Session(session.base, "viewer2")
    id = installation.add_camera("Yard", camera.url)
    assert ask(session, id)[0] == 200
    started = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(session, id), range(40)))
        seconds = time.monotonic() - started
        assert ask(other, id)[0] == 200
    told = Counter(status for status, *_ in answers)
    assert set(told) == {200, 429} and 9 <= told[200] <= 10 + 5 * seconds, told  # ten at once, and five a second
    _, headers, body = next(answer for answer in answers if answer[0] == 429)
    assert json.loads(body)["error"]["reason"] == "still_limit_reached"
    assert headers["Retry-After"] == "1"

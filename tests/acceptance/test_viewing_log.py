"""The id of a viewing finds all its lines in a worker's log, in both formats."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cameras.simulator import Fault, SimulatedCamera
from tests.client import Session, Stream, eventually
from tests.servers import Site, Worker

Line = dict[str, Any]


def events(worker: Worker, viewing: str = "") -> list[Line]:
    """Parses the lines about viewings, in either format: event, viewing and facts of each."""
    found = []
    for line in worker.process.log.read_text().splitlines():
        if line.startswith("{"):
            fields = json.loads(line)
            if fields["logger"] == "streaming.viewing_log":
                found.append({"event": fields["message"], **fields})
        elif match := re.search(r" INFO streaming\.viewing_log: (\w+) (.*)", line):
            facts = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', match[2])
            found.append({"event": match[1], **{name: _fact(text) for name, text in facts}})
    return [line for line in found if viewing in ("", line["viewing"])]


def _fact(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def names(lines: list[Line]) -> list[str]:
    return [line["event"] for line in lines]


both = pytest.mark.parametrize("form", ["plain", "json"])


@both
async def test_a_viewing_is_followed_by_its_id_from_opened_to_ended(
    installation: Site, camera: SimulatedCamera, form: str
) -> None:
    worker = installation.start_worker(LOG_FORMAT=form, STREAM_MAX_CONCURRENT="7")
    id = installation.add_camera("Yard", camera.url)
    async with Stream(Session(worker.base), id, "?quality=low") as stream:
        await stream.live()
        viewing = stream.last("info")["viewing_id"]
        await stream.send({"type": "quality_change", "quality": "high"})
        await stream.until(lambda stream: any(message["type"] == "quality_changed" for message in stream.messages))
        seen = stream.count
        await stream.until(lambda stream: stream.count >= seen + 3)
    await eventually(lambda: "ended" in names(events(worker, viewing)))
    lines = events(worker, viewing)
    assert names(lines) == ["opened", "admitted", "first_picture", "quality_changed", "ended"]
    opened, admitted, first, changed, ended = lines
    assert (opened["camera"], opened["address"]) == (id, "127.0.0.1")
    assert "user" not in opened  # not known yet
    assert (admitted["user"], admitted["camera"], admitted["quality"]) == ("viewer", id, "low")
    assert (admitted["in_use"], admitted["limit"]) == (1, 7)
    assert 0 < admitted["ms"] <= first["ms"] < 15_000
    assert changed["quality"] == "high"
    assert (ended["user"], ended["code"], ended["reason"]) == ("viewer", 1000, "left")
    assert ended["frames"] >= stream.count
    assert ended["bytes"] > 1_000
    assert ended["dropped"] >= 0
    assert ended["seconds"] * 1_000 >= first["ms"]


async def test_the_refusal_of_a_blocked_user_names_them(installation: Site, camera: SimulatedCamera) -> None:
    worker = installation.start_worker()
    installation.execute(
        "INSERT INTO streaming_userblock (user_id, user, message, by, until)"
        " SELECT CAST(id AS TEXT), username, 'Not now.', 'admin', ? FROM auth_user WHERE username = 'viewer'",
        (f"{datetime.now(UTC) + timedelta(minutes=5):%Y-%m-%d %H:%M:%S}",),
    )
    async with Stream(Session(worker.base), installation.add_camera("Yard", camera.url)) as stream:
        assert await stream.ended() == 4410
        assert stream.last("error")["message"] == "Not now."
    await eventually(lambda: names(events(worker)) == ["opened", "refused"])
    refused = events(worker)[-1]
    assert (refused["user"], refused["reason"]) == ("viewer", "stopped_by_administrator")


@both
async def test_who_is_refused_is_opened_and_refused_with_code_and_reason(
    installation: Site, camera: SimulatedCamera, form: str
) -> None:
    worker = installation.start_worker(LOG_FORMAT=form, STREAM_MAX_CONCURRENT="1")
    id = installation.add_camera("Yard", camera.url)
    async with Stream(Session(worker.base), id) as stream:
        await stream.live()
        async with Stream(Session(worker.base, "viewer2"), id) as refused:
            assert await refused.ended() == 4429
        async with Stream(Session(worker.base, "nobody"), id) as forbidden:
            assert await forbidden.ended() == 4403
    await eventually(lambda: names(events(worker)).count("refused") == 2)
    refusals = [line for line in events(worker) if line["event"] == "refused"]
    assert [(line["code"], line["reason"], line.get("user")) for line in refusals] == [
        (4429, "limit_reached", "viewer2"),
        (4403, "permission_denied", None),
    ]
    for line in refusals:
        assert names(events(worker, line["viewing"])) == ["opened", "refused"]
        assert 0 <= line["seconds"] < 10


async def test_what_ends_a_running_stream_is_told_and_other_lines_meanwhile_bear_no_wrong_id(
    installation: Site, camera: SimulatedCamera
) -> None:
    worker = installation.start_worker(
        LOG_FORMAT="json", STREAM_RECONNECT_SECONDS="1", STREAM_READ_TIMEOUT_SECONDS="0.5"
    )
    id = installation.add_camera("Yard", camera.url)
    async with Stream(Session(worker.base), id) as stream:
        await stream.live()
        camera.fault = Fault.REFUSE
        assert await stream.ended() == 4503
        viewing = stream.last("info")["viewing_id"]
    await eventually(lambda: "ended" in names(events(worker, viewing)))
    lines = events(worker, viewing)
    assert names(lines)[-1] == "ended"
    assert (lines[-1]["code"], lines[-1]["reason"]) == (4503, "camera_lost")
    others = [json.loads(line) for line in worker.process.log.read_text().splitlines() if line.startswith("{")]
    captures = [line for line in others if line["logger"] == "streaming.ingest.capture"]
    assert captures
    assert {line["viewing"] for line in captures} == {"-"}  # a capture serves many


async def test_a_camera_s_address_and_a_viewer_s_query_are_not_logged(
    installation: Site, camera: SimulatedCamera
) -> None:
    worker = installation.start_worker(LOG_FORMAT="json", STREAM_READ_TIMEOUT_SECONDS="0.5")
    id = installation.add_camera("Yard", camera.url)
    async with Stream(Session(worker.base), id, "?quality=low&token=not-for-the-log") as stream:
        await stream.live()
    await eventually(lambda: "ended" in names(events(worker)))
    log = worker.process.log.read_text()
    assert camera.url not in log
    assert "not-for-the-log" not in log

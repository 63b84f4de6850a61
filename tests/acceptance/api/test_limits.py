"""Limits, dry runs and the history in the JSON API."""

import asyncio
from typing import Any

import pytest

from cameras.simulator import SimulatedCamera
from tests.acceptance.api.client import LIMITS, LOG, Api
from tests.client import Session, Stream
from tests.servers import Site


def test_limits_are_told_with_where_they_come_from(admin: Api) -> None:
    status, answer = admin("GET", "/limits")
    assert status == 200
    assert (answer["in_force"], answer["environment"], answer["changed"]) == (LIMITS, LIMITS, [])
    assert (answer["trial"], answer["usage"]["limit"]) == (None, 10)


@pytest.mark.timing("two seconds, which are promised")
async def test_a_changed_limit_is_in_force_on_every_worker_within_two_seconds(
    installation: Site, admin: Api, viewer: Session, camera: SimulatedCamera
) -> None:
    id = installation.add_camera("Yard", camera.url)
    status, answer = await asyncio.to_thread(admin, "PATCH", "/limits", {"max_concurrent": 1, "max_per_camera": 7})
    assert (status, answer["changed"], answer["changed_by"]) == (200, ["max_concurrent", "max_per_camera"], "admin")
    assert answer["in_force"] == {**LIMITS, "max_concurrent": 1, "max_per_camera": 7}
    assert answer["environment"] == LIMITS
    await asyncio.sleep(2)
    async with Stream(viewer, id) as one:
        await one.live()
        async with Stream(viewer.at(installation.workers[1].base), id) as two:
            assert await two.ended() == 4429
    _, answer = await asyncio.to_thread(admin, "PATCH", "/limits", {"max_concurrent": None})
    assert answer["in_force"] == {**LIMITS, "max_per_camera": 7}
    log = installation.manage("shell", "-v0", "-c", LOG)
    assert "By the API: Total streams: default → 1, Streams per camera: default → 7\n" in log
    assert "By the API: Total streams: 1 → default\n" in log


def test_what_changes_nothing_is_not_logged_and_restarts_no_trial(installation: Site, admin: Api) -> None:
    limits, trial = {**dict.fromkeys(LIMITS), "max_concurrent": 4}, {"max_concurrent": 3}
    began = [admin("PUT", "/limits", limits)[1], admin("PATCH", "/limits/trial", trial)[1]]
    log = installation.manage("shell", "-v0", "-c", LOG)
    told = ("Dry run started: Total streams 3", "Total streams: default → 4")
    assert log.startswith("".join(f"admin: By the API: {text}\n" for text in told))
    for method, path, body in (
        ("PUT", "/limits", limits),
        ("PATCH", "/limits", {}),
        ("PATCH", "/limits/trial", {}),
        ("PATCH", "/limits/trial", trial),
    ):
        _, answer = admin(method, path, body)
        assert (answer["changed_at"], answer["trial"]) == (began[0]["changed_at"], began[1]["trial"])
    assert installation.manage("shell", "-v0", "-c", LOG) == log


def test_put_sets_all_limits_and_patch_those_named(admin: Api) -> None:
    everything = {**LIMITS, "max_concurrent": 5, "max_mbps": 20.5, "max_per_user": 2}
    assert admin("PUT", "/limits", everything)[1]["in_force"] == everything
    assert admin("PATCH", "/limits", {"max_per_user": 3})[1]["in_force"] == {**everything, "max_per_user": 3}
    status, answer = admin("PUT", "/limits", {"max_concurrent": 5})
    assert (status, "max_mbps" in answer["error"]["fields"]) == (422, True)


def test_a_trial_is_told_and_ends(admin: Api) -> None:
    _, answer = admin("PATCH", "/limits/trial", {"max_concurrent": 3})
    assert answer["in_force"] == LIMITS
    assert answer["trial"]["max_concurrent"] == 3
    assert answer["trial"]["max_per_user"] is None
    assert admin("GET", "/limits/trial")[1]["max_concurrent"] == 3
    assert admin("DELETE", "/limits/trial")[1]["trial"] is None


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"max_concurrent": 0}, 422, "max_concurrent"),
        ({"max_concurrent": "5"}, 422, "max_concurrent"),
        ({"max_concurrent": True}, 422, "max_concurrent"),
        ({"max_mbps": -0.5}, 422, "max_mbps"),
        ({"concurrent": 5}, 422, "concurrent"),
        ({"reserved_slots": 2}, 409, "reserved_group"),
        ({"reserved_group": 1, "reserved_slots": 10}, 409, "reserved_slots"),
        ({"reserved_group": 99_999}, 409, "reserved_group"),
    ],
)
def test_a_wrong_limit_changes_nothing(admin: Api, body: Any, status: int, field: str) -> None:
    for path in ("/limits", "/limits/trial"):
        answer = admin("PATCH", path, body)
        assert (answer[0], list(answer[1]["error"]["fields"])) == (status, [field]), path
    assert admin("GET", "/limits")[1]["in_force"] == LIMITS


def test_the_past_is_told_for_any_span(admin: Api) -> None:
    query = "since=2026-01-01T00:00:00Z&until=2026-01-01T01:00:00Z&step_minutes=10"
    status, answer = admin("GET", f"/history?{query}")
    assert (status, answer["step"], answer["time"][0]) == (200, 10, "2026-01-01T00:00:00Z")
    assert {
        len(answer[name]) for name in ("time", "peak", "limit", "mbps", "mbps_peak", "max_mbps", "seconds_at_full")
    } == {6}
    for span in ("until=0001-01-01T00:00:00Z", "since=9999-12-31T23:59:59Z", "since=0001-01-01T00:00:00%2B14:00"):
        assert admin("GET", f"/history?{span}")[0] == 200


@pytest.mark.parametrize("query", ["since=0", "until=yesterday", "since=2026-01-01T00:00:00", "step_minutes=0"])
def test_a_wrong_span_is_refused(admin: Api, query: str) -> None:
    status, answer = admin("GET", f"/history?{query}")
    assert (status, list(answer["error"]["fields"])) == (422, [query.partition("=")[0]])


def test_a_preview_says_what_a_limit_would_have_done(admin: Api) -> None:
    status, answer = admin("GET", "/limits/preview?max_concurrent=3&days=30")
    assert (status, answer["max_concurrent"], answer["days"]) == (200, 3, 30)


MANY = """
from datetime import timedelta
from django.utils import timezone
from streaming.models import Refusal
now = timezone.now().replace(microsecond=123_600)  # which rounds up to the next millisecond
Refusal.objects.all().delete()
for place in range(10):
    Refusal.objects.create(time=now + timedelta(microseconds=place // 4), user="viewer", reason="limit_reached")
"""


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_refusals_of_one_moment_come_in_parts_and_each_once(installation: Site, admin: Api, limit: int) -> None:
    installation.manage("shell", "-v0", "-c", MANY)
    rows: list[Any] = []
    query = f"limit={limit}"
    while query:
        assert len(rows) <= 10
        _, page = admin("GET", f"/refusals?{query}")
        rows += page["items"]
        query = f"limit={limit}&before={page['next']}" if page["next"] else ""
    times = [row["time"] for row in rows]
    assert (len({row["id"] for row in rows}), len(rows), times) == (10, 10, sorted(times, reverse=True))
    for before, count in (
        ("0001-01-01T00:00:00%2B14:00", 0),
        ("2020-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59-14:00", 10),
    ):
        assert len(admin("GET", f"/refusals?before={before}")[1]["items"]) == count  # a time is valid, too


@pytest.mark.parametrize("before", ["5", "yesterday", "5~6", "2026-01-01T00:00:00"])
def test_a_part_that_begins_nowhere_is_refused(admin: Api, before: str) -> None:
    status, answer = admin("GET", f"/refusals?before={before}")
    assert (status, set(answer["error"]["fields"])) == (422, {"before"})

"""The log of viewings in both formats. tests/acceptance/test_viewing_log.py reads the log of a real worker."""

import asyncio
import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from nvr.settings import LOGGING
from streaming.viewing import log
from streaming.viewing.log import JsonFormatter, PlainFormatter, ViewingFilter, log_event

OTHER = logging.getLogger("somewhere.else")


@pytest.fixture
def output(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """The output of the root logger, in the format of the test's parameter."""
    formatter: logging.Formatter = request.param()
    handler = logging.StreamHandler(io.StringIO())
    handler.addFilter(ViewingFilter())
    handler.setFormatter(formatter)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler.stream
    root.removeHandler(handler)
    root.setLevel(before)


plain = pytest.mark.parametrize("output", [PlainFormatter], indirect=True, ids=["plain"])
as_json = pytest.mark.parametrize("output", [JsonFormatter], indirect=True, ids=["json"])
both = pytest.mark.parametrize("output", [PlainFormatter, JsonFormatter], indirect=True, ids=["plain", "json"])


async def in_viewing(id: str, job: Any) -> None:
    """Run `job` in a task of its own, as a viewing does."""

    async def task() -> None:
        log.begin(id)
        await job()

    await asyncio.create_task(task())


def lines(output: io.StringIO) -> list[str]:
    return output.getvalue().splitlines()


def objects(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(output)]


def test_the_settings_put_the_id_into_every_record() -> None:
    logging_of: dict[str, Any] = LOGGING
    console = logging_of["handlers"]["console"]
    assert "viewing" in console["filters"]
    assert console["formatter"] in logging_of["formatters"]
    assert logging_of["root"]["handlers"] == ["console"]


@plain
async def test_plain_has_the_event_then_the_id_then_the_facts(output: io.StringIO) -> None:
    async def job() -> None:
        log_event("admitted", user="ann", camera="6a4f-01", ms=2.5, quality=None)

    await in_viewing("host-1:ab", job)
    (line,) = lines(output)
    assert line.endswith(" INFO streaming.viewing_log: admitted viewing=host-1:ab user=ann camera=6a4f-01 ms=2.5")


@as_json
async def test_json_has_the_facts_as_fields_of_their_types(output: io.StringIO) -> None:
    async def job() -> None:
        log_event("admitted", user="ann", camera="6a4f-01", ms=2.5, in_use=3, quality=None)

    await in_viewing("host-1:ab", job)
    (line,) = objects(output)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "streaming.viewing_log",
        "message": "admitted",
        "viewing": "host-1:ab",
        "user": "ann",
        "camera": "6a4f-01",
        "ms": 2.5,
        "in_use": 3,
    }


NASTY = 'eve reason=left\n2026-01-01 00:00:00,000 INFO root: "forged"\u2028\x1b[31m é'


@plain
async def test_a_name_cannot_forge_a_fact_or_a_line_in_plain(output: io.StringIO) -> None:
    async def job() -> None:
        log_event("admitted", user=NASTY)

    await in_viewing("host-1:ab", job)
    (line,) = lines(output)
    assert json.loads(line.split(" user=", 1)[1]) == NASTY
    assert "\x1b" not in line


@as_json
async def test_a_name_cannot_forge_a_fact_or_a_line_in_json(output: io.StringIO) -> None:
    async def job() -> None:
        log_event("admitted", user=NASTY)

    await in_viewing("host-1:ab", job)
    (line,) = objects(output)
    assert (line["message"], line["user"]) == ("admitted", NASTY)


@plain
async def test_names_in_other_scripts_stay_readable(output: io.StringIO) -> None:
    async def job() -> None:
        log_event("admitted", user="Jörg", name="Tor Süd")

    await in_viewing("host-1:ab", job)
    assert output.getvalue().endswith(' user=Jörg name="Tor Süd"\n')


@both
async def test_lines_of_other_loggers_have_the_id_also_from_tasks_and_database_threads(
    output: io.StringIO,
) -> None:
    async def say() -> None:
        OTHER.warning("from a task")

    async def job() -> None:
        await asyncio.create_task(say())
        await sync_to_async(OTHER.warning)("from a thread")

    await in_viewing("host-1:ab", job)
    OTHER.warning("from nowhere")
    first, second, third = lines(output)
    assert "host-1:ab" in first and "from a task" in first
    assert "host-1:ab" in second and "from a thread" in second
    assert "host-1:ab" not in third


@both
async def test_viewings_side_by_side_keep_their_ids_apart(output: io.StringIO) -> None:
    async def job() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            log_event("quality_changed", quality="low")

    await asyncio.gather(*(in_viewing(f"host-1:{number:02}", job) for number in range(5)))
    text = output.getvalue()
    assert [text.count(f"host-1:{number:02}") for number in range(5)] == [3] * 5


@as_json
def test_a_traceback_is_a_field_and_django_s_request_is_left_out(output: io.StringIO) -> None:
    try:
        raise ValueError("an odd value")
    except ValueError:
        OTHER.exception("Failed", extra={"request": object(), "status_code": 500})
    (line,) = objects(output)
    assert (line["message"], line["viewing"], line["status_code"]) == ("Failed", "-", 500)
    assert line["exc_info"].endswith("ValueError: an odd value")
    assert "request" not in line


@both
def test_a_record_that_passed_no_filter_is_written(output: io.StringIO) -> None:
    logging.getLogger().handlers[-1].filters.clear()
    OTHER.warning("plainly")
    assert "plainly" in output.getvalue()


@both
def test_a_thousand_refusals_in_a_minute_cost_less_than_a_hundredth_of_a_core(output: io.StringIO) -> None:
    started = time.process_time()
    for number in range(1_000):
        log_event("opened", camera="6a4f7f5e-0000-4000-8000-000000000001", address="192.0.2.77")
        log_event("refused", code=4429, reason="limit_reached", seconds=0.01, user=f"user{number}")
    assert len(lines(output)) == 2_000
    assert time.process_time() - started < 0.6  # measured: 0.03 s

"""The usage for the pages, from a real Redis: slots in use, free slots, and the level of warning."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from streaming.conf import Timing
from streaming.errors import GateUnavailableError
from streaming.gate.leases import Holder, Rate
from streaming.gate.slots import Gate
from streaming.limits.admission import terms_of
from streaming.limits.policy import Policy
from streaming.limits.user_limits import UserLimits
from streaming.reports.usage import UsageReport
from streaming.store.keys import DETAILS, EXPECTED, LINE, REPORTS
from streaming.store.scripts import Argument, Store
from tests.servers import RedisServer
from tests.streaming.limits.test_admission import no_wait
from tests.streaming.reports.reporters import Watching, reporter

ADA = Holder(user="Ada", user_id="1", camera="Yard", camera_id="c1", quality="low", address="::1", since=0)
MEDIUM = Rate("c1:medium", 3_000)
VIEWER, OPERATOR = UserLimits(0, False), UserLimits(0, True)
BUDGET = Policy(100, 12, 0, 0, 100)
RESERVED = Policy(8, 0, 0, 0, 100, reserved_slots=3, reserved_group=7)


class Site:
    """A gate and its usage."""

    def __init__(self, store: Store, stack: AsyncExitStack) -> None:
        self.store, self._stack = store, stack
        self._gate = Gate(store, Timing(5), "w")

    async def enter(
        self, policy: Policy, count: int, user_limits: UserLimits = VIEWER, *, holder: Holder = ADA
    ) -> None:
        for _ in range(count):
            terms = terms_of(policy, user_limits, holder, MEDIUM)
            await self._stack.enter_async_context(self._gate.slot(holder, terms, no_wait))

    async def gate(self, policy: Policy) -> Any:
        return (await UsageReport(self.store, lambda: policy).system())["gate"]


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        yield Site(store, stack)


async def test_the_counted_rate_is_shown_beside_the_sent_rate_and_gives_the_level(site: Site) -> None:
    await site.enter(BUDGET, 3)
    found = await site.gate(BUDGET)
    assert (found["mbps"], found["counted_mbps"], found["max_mbps"], found["level"]) == (0, 9, 12, "high")
    await site.enter(BUDGET, 1)
    assert (await site.gate(BUDGET))["level"] == "full"


async def test_the_budget_has_room_for_a_first_stream_whatever_its_estimate(site: Site) -> None:
    usage = UsageReport(site.store, lambda: replace(BUDGET, max_mbps=1))
    assert await usage.has_room(MEDIUM)


async def test_the_expected_rate_of_a_stream_decides_whether_the_budget_has_room(site: Site) -> None:
    await site.enter(BUDGET, 3)
    assert await UsageReport(site.store, lambda: BUDGET).has_room(MEDIUM)
    await site.store.call("HSET", EXPECTED, MEDIUM.field, 3_001)
    assert not await UsageReport(site.store, lambda: BUDGET).has_room(MEDIUM)
    assert await UsageReport(site.store, lambda: replace(BUDGET, max_mbps=0)).has_room(MEDIUM)


async def test_available_slots_are_shown_for_operators_and_for_others(site: Site) -> None:
    await site.enter(RESERVED, 5)
    found = await site.gate(RESERVED)
    assert (found["in_use"], found["available"], found["available_ordinary"], found["level"]) == (5, 3, 0, "full")
    usage = UsageReport(site.store, lambda: RESERVED)
    assert (await usage.summary(operator=False))["available"] == 0
    assert (await usage.summary(operator=True))["available"] == 3


async def test_viewers_in_line_are_counted_for_cards_and_administrators(site: Site) -> None:
    usage = UsageReport(site.store, lambda: BUDGET)
    await site.store.call("ZADD", LINE, 1, "w:1", 2, "w:2")
    assert (await usage.summary(operator=False))["waiting"] == 2
    assert (await site.gate(BUDGET))["waiting"] == 2


async def test_operators_beyond_the_reserved_slots_leave_fewer_for_others(site: Site) -> None:
    await site.enter(RESERVED, 4, OPERATOR)
    await site.enter(RESERVED, 1)
    found = await site.gate(RESERVED)
    assert (found["available"], found["available_ordinary"]) == (3, 3)
    await site.enter(RESERVED, 2, OPERATOR)
    found = await site.gate(RESERVED)
    assert (found["available"], found["available_ordinary"]) == (1, 1)


async def test_without_reserved_slots_all_available_slots_are_for_everybody(site: Site) -> None:
    await site.enter(BUDGET, 2)
    await site.enter(BUDGET, 1, OPERATOR)
    found = await site.gate(BUDGET)
    assert (found["available"], found["available_ordinary"]) == (97, 97)


# For administrators.


async def test_viewers_come_in_pages_the_oldest_first_with_what_they_are_sent(site: Site) -> None:
    for since in (3, 1, 2):
        await site.enter(BUDGET, 1, holder=replace(ADA, since=since))
    usage = UsageReport(site.store, lambda: BUDGET)
    first, second = await usage.viewers(0, 2), await usage.viewers(2, 2)
    assert [row["since"] for row in (*first.rows, *second.rows)] == [1, 2, 3]
    assert (first.total, second.total) == (3, 3)
    sending = Watching(first.rows[1]["id"], 800)
    await reporter(site.store, sending)[0].send()
    system: Any = await usage.system(1, 1)
    assert [(row["since"], row["mbps"]) for row in system["viewers"]] == [(2, 0.8)]
    assert system["viewers_count"] == 3
    (camera,) = system["cameras"]
    assert (camera["name"], camera["viewers"], camera["mbps"]) == ("Yard", 3, 0.8)


async def test_a_page_reads_the_details_of_new_leases_and_of_its_rows_only(site: Site) -> None:
    await site.enter(BUDGET, 3)
    usage = UsageReport(site.store, lambda: BUDGET)
    ids = [row["id"] for row in (await usage.viewers(0, 3)).rows]
    await site.store.call("HSET", DETAILS, ids[2], "{")  # whoever reads it fails
    assert len((await usage.viewers(0, 2)).rows) == 2


async def test_a_worker_s_pages_and_those_of_all_others_share_one_reading_of_the_reports(site: Site) -> None:
    await site.enter(BUDGET, 2)
    (row, _) = (await UsageReport(site.store, lambda: BUDGET).viewers(0, 2)).rows
    await reporter(site.store, Watching(row["id"], 800))[0].send()
    expected = {"c1": {"state": "connecting", "viewers": 2, "frames_per_second": 0.0}}
    first = UsageReport(site.store, lambda: BUDGET)
    assert (await first.metrics("1", VIEWER))["cameras"] == expected
    await site.store.call("HSET", REPORTS, "w", "{")  # whoever reads it fails
    for _ in range(2):
        other = UsageReport(site.store, lambda: BUDGET)
        assert (await other.metrics("1", VIEWER))["cameras"] == expected


class FailsAfterTheViewers(Store):
    """Fails when the viewers of cameras are counted, which comes last."""

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        if script == "gate/count_leases":
            raise GateUnavailableError
        return await super().run(script, keys, arguments)


async def test_the_lists_are_empty_if_redis_fails_while_they_are_read(site: Site, redis_server: RedisServer) -> None:
    await site.enter(BUDGET, 2)
    await reporter(site.store, Watching("w:1", 800))[0].send()
    store = FailsAfterTheViewers(redis_server.url)
    found: Any = await UsageReport(store, lambda: BUDGET).system()
    await store.close()
    assert found["gate"]["state"] == "unavailable"
    assert (found["viewers"], found["viewers_count"], found["cameras"], found["workers"]) == ([], 0, [], [])

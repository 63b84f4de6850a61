"""Admission of new viewers on a real Redis: budgets, reserved slots, dry runs, blocks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from streaming.conf import Timing
from streaming.errors import (
    BandwidthReachedError,
    CameraLimitReachedError,
    LimitReachedError,
    StoppedByAdministratorError,
    UserLimitReachedError,
)
from streaming.gate.leases import Holder, Limit, Rate, Slot, Terms
from streaming.gate.readings import read_totals
from streaming.gate.slots import Gate
from streaming.gate.stop_orders import stop
from streaming.limits import policy
from streaming.limits.admission import terms_of
from streaming.limits.user_limits import UserLimits
from streaming.store.keys import BLOCKS, EXPECTED, ORDERS, RATES, SERVER_SET
from streaming.store.scripts import Store
from tests.servers import PATIENCE

ADA = Holder(user="Ada", user_id="1", camera="Yard", camera_id="c1", quality="low", address="::1", since=0)
BOB = replace(ADA, user="Bob", user_id="2", camera_id="c2")
LOW, HIGH = Rate("c1:low", 1_000), Rate("c1:high", 5_000)
BASE = policy.Policy(10, 0, 0, 0, 100)
VIEWER, OPERATOR = UserLimits(0, False), UserLimits(0, True)
TRYING = replace(VIEWER, trial=VIEWER)


async def no_wait(seconds: float) -> None:
    raise AssertionError(f"asked to wait {seconds} s")


@pytest.fixture
async def gate(store: Store) -> AsyncIterator[Gate]:
    gate = Gate(store, Timing(2), "w")
    gate.start()
    yield gate
    await gate.stop(2)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def budget(mbps: float, rate: Rate = LOW, *, trial: float = 0) -> Terms:
    return Terms((Limit(SERVER_SET, 100),), rate, round(mbps * 1000), round(trial * 1000))


async def enter(stack: AsyncExitStack, gate: Gate, terms: Terms, holder: Holder = ADA) -> Slot:
    slot = await stack.enter_async_context(gate.slot(holder, terms, no_wait))
    slot.progressed(100)
    return slot


async def test_a_viewer_beyond_the_budget_is_refused_with_the_figures(gate: Gate, stack: AsyncExitStack) -> None:
    for _ in range(3):
        await enter(stack, gate, budget(3.5))
    with pytest.raises(BandwidthReachedError) as refused:
        await enter(stack, gate, budget(3.5))
    assert refused.value.facts == {"mbps": 3.0, "max_mbps": 3.5, "expected_mbps": 1.0, "retry_after": 5, "waiting": 0}


async def test_the_first_stream_is_admitted_whatever_its_estimate_and_nobody_beside_it(
    gate: Gate, stack: AsyncExitStack
) -> None:
    first = await enter(stack, gate, budget(0.5, trial=0.4))
    assert first.would_refuse is None
    with pytest.raises(BandwidthReachedError):
        await enter(stack, gate, budget(0.5))


async def test_a_measured_rate_replaces_the_estimate(gate: Gate, store: Store, stack: AsyncExitStack) -> None:
    await store.call("HSET", EXPECTED, LOW.field, 250)
    for _ in range(4):
        await enter(stack, gate, budget(1))
    with pytest.raises(BandwidthReachedError):
        await enter(stack, gate, budget(1))


async def test_a_budget_that_is_set_later_counts_running_streams(
    gate: Gate, store: Store, stack: AsyncExitStack
) -> None:
    first = await enter(stack, gate, budget(0))
    with pytest.raises(BandwidthReachedError):  # not reported yet: counts like the new stream
        await enter(stack, gate, budget(1.9))
    await store.call("HSET", RATES, first.id, 500)
    await enter(stack, gate, budget(1.9))


async def test_a_higher_quality_must_fit_the_budget_and_a_lower_one_always_does(
    gate: Gate, stack: AsyncExitStack
) -> None:
    slot = await enter(stack, gate, budget(7))
    await enter(stack, gate, budget(7))
    await gate.reserve(slot, HIGH, 7_000)
    with pytest.raises(BandwidthReachedError):
        await enter(stack, gate, budget(7, Rate("c1:medium", 1_001)))
    other = await enter(stack, gate, budget(7))
    with pytest.raises(BandwidthReachedError):
        await gate.reserve(other, HIGH, 7_000)
    await gate.reserve(slot, LOW, 1)
    await gate.reserve(other, HIGH, 7_000)


async def test_a_running_stream_re_enters_whatever_the_budget(gate: Gate, store: Store, stack: AsyncExitStack) -> None:
    slot = await enter(stack, gate, budget(1))
    fence_at = slot.fence_at
    lose_data = "redis.call('FLUSHALL') return redis.call('HSET', KEYS[1], ARGV[1], 2000)"
    await store.call("EVAL", lose_data, 1, EXPECTED, LOW.field)  # the stream would not fit any more
    async with asyncio.timeout(PATIENCE):
        while slot.fence_at == fence_at:
            await asyncio.sleep(0.01)
    slot.check()


async def test_limits_per_camera_and_per_user_raise_errors_of_their_own(gate: Gate, stack: AsyncExitStack) -> None:
    limited = replace(BASE, max_per_camera=1)
    await enter(stack, gate, terms_of(limited, VIEWER, ADA, LOW))
    with pytest.raises(CameraLimitReachedError) as refused:
        await enter(stack, gate, terms_of(limited, VIEWER, replace(BOB, camera_id="c1"), LOW), BOB)
    assert (refused.value.facts["in_use"], refused.value.facts["limit"]) == (1, 1)
    await enter(stack, gate, terms_of(limited, VIEWER, BOB, LOW), BOB)
    with pytest.raises(UserLimitReachedError):
        await enter(stack, gate, terms_of(BASE, UserLimits(1, False), replace(BOB, camera_id="c3"), LOW), BOB)


async def test_reserved_slots_are_for_the_group_only(gate: Gate, stack: AsyncExitStack) -> None:
    reserved = replace(BASE, max_concurrent=3, reserved_slots=2, reserved_group=7)

    async def admit(user_limits: UserLimits, name: str) -> None:
        holder = replace(ADA, user_id=name, camera_id=name)
        await enter(stack, gate, terms_of(reserved, user_limits, holder, LOW), holder)

    await admit(VIEWER, "a")
    with pytest.raises(LimitReachedError) as refused:
        await admit(VIEWER, "b")
    assert (refused.value.facts["in_use"], refused.value.facts["limit"]) == (1, 1)
    await admit(OPERATOR, "c")
    await admit(OPERATOR, "d")
    with pytest.raises(LimitReachedError):
        await admit(OPERATOR, "e")


async def test_a_dry_run_refuses_nobody_and_reports_whom_it_would_have_refused(
    gate: Gate, stack: AsyncExitStack
) -> None:
    trial = replace(BASE, max_concurrent=1, max_mbps=1.5)
    errors = []
    for number in range(3):
        holder = replace(ADA, user_id=str(number))
        tried = trial if number < 2 else replace(trial, max_concurrent=9)
        terms = terms_of(replace(BASE, trial=tried), TRYING, holder, LOW)
        errors.append((await enter(stack, gate, terms, holder)).would_refuse)
    assert errors[0] is None
    assert [type(error) for error in errors[1:]] == [LimitReachedError, BandwidthReachedError]


async def test_a_dry_run_reports_the_usage_of_its_own_set(gate: Gate, stack: AsyncExitStack) -> None:
    def terms(holder: Holder, **tried: float) -> Terms:
        return terms_of(replace(BASE, trial=replace(BASE, **tried)), TRYING, holder, LOW)  # type: ignore[arg-type]

    for holder in (ADA, BOB, BOB):
        await enter(stack, gate, terms(holder), holder)
    camera = (await enter(stack, gate, terms(ADA, max_per_camera=1))).would_refuse
    budget = (await enter(stack, gate, terms(ADA, max_mbps=4.5))).would_refuse
    assert isinstance(camera, CameraLimitReachedError) and isinstance(budget, BandwidthReachedError)
    assert (camera.facts["in_use"], camera.facts["limit"]) == (1, 1)
    assert (budget.facts["mbps"], budget.facts["max_mbps"]) == (4, 4.5)


@pytest.mark.django_db(transaction=True)
async def test_a_stop_reaches_the_holders_worker_and_blocks_its_user_alone(
    gate: Gate, store: Store, stack: AsyncExitStack
) -> None:
    terms = terms_of(BASE, VIEWER, ADA, LOW)
    slot = await enter(stack, gate, terms)
    assert not await stop(store, "w:nobody", "x")
    assert await stop(store, slot.id, "Maintenance “at” 5", 60)
    assert [slot.id in order for order in await store.call("LRANGE", ORDERS + "w", 0, -1)] == [True]
    with pytest.raises(StoppedByAdministratorError, match="Maintenance “at” 5") as refused:
        await enter(stack, gate, terms)
    assert 58 <= int(str(refused.value.facts["retry_after"])) <= 60
    await enter(stack, gate, terms_of(BASE, VIEWER, BOB, LOW), BOB)
    await store.call("DEL", BLOCKS + "1")
    await enter(stack, gate, terms)
    assert (await read_totals(store))["stopped"] == 1

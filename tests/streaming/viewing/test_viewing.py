"""One viewing: its messages and frames, its window, and every way in which it ends."""

import asyncio
import json

import pytest

from cameras.simulator import Fault
from streaming.errors import CameraLostError, SlotLostError, StoppedByAdministratorError, ViewerUnresponsiveError
from streaming.gate import leases
from streaming.gate.lease_scripts import STORE_KEYS
from streaming.gate.leases import lease_clock
from streaming.ingest.condition import Condition, State
from streaming.ingest.reader import Allowance
from streaming.store.keys import SERVER_SET
from streaming.viewing.viewer import ViewerTimeouts
from tests.servers import PATIENCE
from tests.streaming.viewing.harness import LIMITS, Bench, leave, until


async def test_a_viewer_gets_the_info_then_the_camera_s_state_then_numbered_frames(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: len(viewer.sequences) >= 3)
    assert viewer.sequences == list(range(1, len(viewer.sequences) + 1))
    said = [message.get("state", message["type"]) for message in viewer.messages]
    assert said == ["admitted", "info", "connecting", "live"]
    info = viewer.messages[1]
    assert (info["in_use"], info["limit"], info["window"], info["quality"]) == (1, 2, 2, "low")
    await leave(task)


async def test_at_most_two_frames_are_in_flight_and_a_viewer_who_acknowledges_none_is_disconnected(
    bench: Bench,
) -> None:
    viewing, viewer = bench.viewing(acknowledges=False)
    with pytest.raises(ViewerUnresponsiveError):
        await viewing.run(LIMITS)
    assert viewer.sequences == [1, 2]
    await bench.until_free()


async def test_acknowledgements_of_what_was_never_sent_or_is_older_are_ignored(bench: Bench) -> None:
    timeouts = ViewerTimeouts(first_frame=5, reconnect=1, stall=10)
    viewing, viewer = bench.viewing(acknowledges=False, timeouts=timeouts)
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: len(viewer.sequences) == 2)
    for seq in (0, -1, 3, 10**12):
        viewing.acknowledge(seq)
    await asyncio.sleep(0.5)
    assert viewer.sequences == [1, 2]
    viewing.acknowledge(2)
    await until(lambda: len(viewer.sequences) == 4)
    viewing.acknowledge(1)
    await asyncio.sleep(0.3)
    assert viewer.sequences == [1, 2, 3, 4]
    await leave(task)


async def test_a_lost_slot_ends_the_viewing(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewer.sequences)
    await bench.store.run("gate/release", [*STORE_KEYS, SERVER_SET], [0, 0, json.dumps([viewing.id])])
    with pytest.raises(SlotLostError):
        await asyncio.wait_for(task, PATIENCE)


@pytest.mark.parametrize("lease", [15])  # too long for a renewal within the test
async def test_no_frame_is_sent_after_the_lease_has_ended_even_if_no_timer_has_run_yet(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: len(viewer.sequences) >= 3)
    monkeypatch.setattr(leases, "lease_clock", lambda: lease_clock() + 15)  # as if the machine had been suspended
    sent = len(viewer.sequences)
    with pytest.raises(SlotLostError):
        await asyncio.wait_for(task, PATIENCE)
    assert len(viewer.sequences) == sent


async def test_a_viewer_need_not_acknowledge_while_the_camera_is_away(bench: Bench) -> None:
    """They may be unable to: decoders hold back frames until others follow."""
    timeouts = ViewerTimeouts(first_frame=5, reconnect=3, stall=1)
    viewing, viewer = bench.viewing(acknowledges=False, timeouts=timeouts)
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewer.sequences)
    bench.camera.fault = Fault.REFUSE
    bench.camera.drop_connections()
    with pytest.raises(CameraLostError):
        await asyncio.wait_for(task, 10)


async def test_a_viewer_is_told_of_the_camera_s_state_before_the_frame_that_comes_with_it(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: len(viewer.sequences) >= 3)
    (feed,) = bench.hub.feeds
    frame = (bench.hub.newest("1") or {}).get("low")
    assert frame is not None
    before = len(viewer.events)
    feed.tell(Condition(State.RECONNECTING, 0))
    feed.mailbox.put(frame)
    await until(lambda: len(viewer.events) > before)
    assert viewer.events[before] == "reconnecting"
    await leave(task)


@pytest.mark.parametrize("sees_reasons", [True, False])
async def test_an_administrator_is_told_why_a_camera_was_lost_at_each_change(bench: Bench, sees_reasons: bool) -> None:
    viewing, viewer = bench.viewing(sees_reasons=sees_reasons)
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewer.sequences)
    (feed,) = bench.hub.feeds
    for failures, reason in ((1, "It fell asleep."), (2, "It is locked."), (3, "It is locked.")):
        feed.tell(Condition(State.RECONNECTING, 0, failures, "Lost.", reason))
        await asyncio.sleep(0.02)
    with pytest.raises(CameraLostError, match="It is locked." if sees_reasons else "Lost."):
        await asyncio.wait_for(task, 5)
    told = [message.get("message") for message in viewer.messages if message.get("state") == "reconnecting"]
    assert told == (["It fell asleep.", "It is locked."] if sees_reasons else [None])


async def test_an_administrator_ends_a_viewing(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewer.sequences)
    viewing.stop(StoppedByAdministratorError())
    with pytest.raises(StoppedByAdministratorError):
        await asyncio.wait_for(task, PATIENCE)


@pytest.mark.parametrize("allowance", [Allowance(1, 1)])
async def test_a_camera_that_stays_away_ends_the_viewing_and_frees_camera_and_slot(bench: Bench) -> None:
    viewing, viewer = bench.viewing()
    task = asyncio.create_task(viewing.run(LIMITS))
    await until(lambda: viewer.sequences)
    bench.camera.fault = Fault.SILENT
    with pytest.raises(CameraLostError):
        await asyncio.wait_for(task, PATIENCE)
    assert viewer.messages[-1]["reason"] == "camera_lost"
    await bench.until_free()
    await until(lambda: not bench.hub.conditions())


async def test_leaving_at_any_moment_leaves_nothing_behind(bench: Bench) -> None:
    for steps in range(0, 60, 3):
        viewing, _ = bench.viewing()
        task = asyncio.create_task(viewing.run(LIMITS))
        for _ in range(steps):
            await asyncio.sleep(0.001)
        await leave(task)
    await bench.until_free()
    await until(lambda: bench.camera.connections == 0)
    await until(lambda: not bench.hub.conditions())

"""Limits that change while streams run, and viewers that are stopped, on two workers."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from functools import partial

import pytest
import redis

from cameras.simulator import SimulatedCamera, Simulator
from streaming.store.embedded import socket_path
from tests.client import Session, Stream, eventually
from tests.servers import PATIENCE, Site, Worker, wait_until

CHANGE = """
from django.contrib.auth.models import User
from streaming.limits import changes
changes.change(User.objects.get(username="admin"), {values!r})
"""
RESERVE = """
from django.contrib.auth.models import Group, User
from streaming.limits import changes
group = Group.objects.create(name="Operators")
group.user_set.add(User.objects.get(username="viewer2"))
changes.change(User.objects.get(username="admin"), {"max_concurrent": 2, "reserved_slots": 1, "reserved_group": group})
"""
STOP = """
import asyncio
from streaming.gate import stop_orders
from streaming.store.keys import store_url
from streaming.store.scripts import Store
print(asyncio.run(stop_orders.{call}))
"""


class Late(Stream):
    """Acknowledges each picture a quarter of a second later, so that the stream skips some."""

    async def _take(self, message: str | bytes) -> None:
        await super()._take(message)
        if isinstance(message, bytes):
            self._late = asyncio.create_task(self._acknowledge(self.pictures[-1].seq), name="late")

    async def _acknowledge(self, seq: int) -> None:
        await asyncio.sleep(0.25)
        await self.send({"type": "ack", "seq": seq})


def change(installation: Site, **values: object) -> float:
    """Changes limits in another process. Returns the time of the change."""
    installation.manage("shell", "-v0", "-c", CHANGE.format(values=values))
    return time.monotonic()


def gate_of(session: Session) -> dict[str, object]:
    found: dict[str, object] = session.json("/admin/streaming/system/usage/")["gate"]
    return found


def _limit_is(session: Session, limit: int) -> bool:
    return gate_of(session)["limit"] == limit


def _has_more(count: int, stream: Stream) -> bool:
    return stream.count > count


def test_limits_are_followed_whatever_page_a_worker_is_asked_for_first(installation: Site) -> None:
    worker = Worker(installation.environment, installation.folder / "first.log")
    installation.workers.append(worker)
    wait_until(lambda: worker.status("/healthz") == 200, 20, "the worker listens")
    admin = Session(worker.base, "admin")
    assert gate_of(admin)["limit"] == 10
    change(installation, max_concurrent=3)
    wait_until(lambda: _limit_is(admin, 3), PATIENCE, "the limit is in force")
    assert "Traceback" not in worker.process.log.read_text()


@pytest.mark.timing("limits are in force within five seconds")
@pytest.mark.timeout(240)
async def test_a_lowered_limit_is_in_force_on_every_worker_and_cuts_nobody(
    installation: Site, camera: SimulatedCamera
) -> None:
    workers = installation.start_workers(2)
    id = installation.add_camera("Yard", camera.url)
    session, admin = Session(workers[0].base), Session(workers[0].base, "admin")
    sessions = [session.at(worker.base) for worker in workers]
    async with AsyncExitStack() as stack:
        streams = [
            await (await stack.enter_async_context(Stream(sessions[number % 2], id, "?quality=low"))).live()
            for number in range(5)
        ]
        changed = await asyncio.to_thread(change, installation, max_concurrent=3)
        for worker in workers:
            seen = admin.at(worker.base)
            await eventually(partial(_limit_is, seen, 3), 5 - (time.monotonic() - changed))
        assert gate_of(admin)["over"] == 2
        for each in sessions:
            async with Stream(each, id) as refused:
                assert await refused.ended() == 4429
                assert (refused.messages[0]["in_use"], refused.messages[0]["limit"]) == (5, 3)
        counts = [stream.count for stream in streams]
        for stream, count in zip(streams, counts, strict=True):
            await stream.until(partial(_has_more, count + 5))
        changed = await asyncio.to_thread(change, installation, max_concurrent=None)
        await eventually(lambda: gate_of(admin)["limit"] == 10, 5 - (time.monotonic() - changed))
        async with Stream(sessions[1], id) as new_viewer:
            await new_viewer.live()


async def test_a_slot_that_is_reserved_is_available_to_its_group_alone(
    installation: Site, camera: SimulatedCamera
) -> None:
    worker = installation.start_worker()
    id = installation.add_camera("Yard", camera.url)
    viewer, operator = Session(worker.base), Session(worker.base, "viewer2")
    await asyncio.to_thread(installation.manage, "shell", "-v0", "-c", RESERVE)
    await eventually(lambda: gate_of(Session(worker.base, "admin"))["limit"] == 2)

    def told(session: Session) -> tuple[bool, int]:
        gate = session.json("/api/v1/cameras/stream/metrics")["gate"]
        return session.json(f"/api/v1/cameras/{id}/stream/info")["is_available"], gate["available"]

    assert (told(viewer), told(operator)) == ((True, 1), (True, 2))
    async with Stream(viewer, id) as stream:
        await stream.live()
        await eventually(lambda: told(viewer) == (False, 0))
        assert told(operator) == (True, 1)
        async with Stream(viewer, id) as refused:
            assert await refused.ended() == 4429
        async with Stream(operator, id) as admitted:
            await admitted.live()


async def test_slots_that_are_reserved_later_count_the_running_streams_of_the_group(
    installation: Site, camera: SimulatedCamera
) -> None:
    worker = installation.start_worker(STREAM_LEASE_SECONDS="3", STREAM_READ_TIMEOUT_SECONDS="2")
    id = installation.add_camera("Yard", camera.url)
    viewer, operator = Session(worker.base), Session(worker.base, "viewer2")

    def has_room() -> bool:
        return bool(viewer.json(f"/api/v1/cameras/{id}/stream/info")["is_available"])

    async with Stream(operator, id) as member:
        await member.live()
        await asyncio.to_thread(installation.manage, "shell", "-v0", "-c", RESERVE)
        await eventually(lambda: gate_of(Session(worker.base, "admin"))["limit"] == 2)
        # Of two slots one is reserved, so there is room only once the member's stream counts as the reserved one.
        await eventually(has_room)
        async with Stream(viewer, id) as guest:
            await guest.live()
            async with Stream(viewer, id) as refused:
                assert await refused.ended() == 4429
            await member.until(partial(_has_more, member.count + 5))


@pytest.mark.timeout(240)
async def test_a_viewer_of_any_worker_is_stopped_with_a_message_and_blocked(
    installation: Site, camera: SimulatedCamera
) -> None:
    workers = installation.start_workers(2)
    id, other = (installation.add_camera(name, camera.url) for name in ("Yard", "Gate"))
    session, viewer2 = Session(workers[0].base), Session(workers[1].base, "viewer2")
    async with (
        Stream(session, id) as one,
        Stream(session.at(workers[1].base), other) as two,
        Stream(viewer2, id) as three,
    ):
        for stream in (one, two, three):
            await stream.live()
        viewing = one.last("info")["viewing_id"]
        call = f'stop(Store(store_url()), "{viewing}", "Off for maintenance.", 300)'
        assert "True" in await asyncio.to_thread(installation.manage, "shell", "-v0", "-c", STOP.format(call=call))
        told = time.monotonic()
        assert await one.ended(5) == 4410
        assert one.last("error")["message"] == "Off for maintenance."
        assert one.last("error")["retry_after"] == 300
        assert await two.ended(5) == 4410, "all that a blocked user watches ends, wherever"
        assert (two.last("error")["retry_after"], three.close_code) == (300, None)
        async with Stream(session.at(workers[1].base), id) as again:
            assert await again.ended() == 4410
            assert again.last("error")["message"] == "Off for maintenance."
            assert again.last("error")["retry_after"] > 200
        call = f'stop_camera(Store(store_url()), "{id}", "Camera is moved.")'
        assert "1" in await asyncio.to_thread(installation.manage, "shell", "-v0", "-c", STOP.format(call=call))
        assert await three.ended(5) == 4410
        with redis.Redis(unix_socket_path=str(socket_path(installation.folder / "redis"))) as client:
            client.flushall()
        async with Stream(session, id) as still:
            assert await still.ended() == 4410, "a block survives Redis"
            assert still.last("error")["message"] == "Off for maintenance."
        assert time.monotonic() - told < 300
    admin = Session(workers[0].base, "admin")
    await eventually(lambda: gate_of(admin)["in_use"] == 0)


@pytest.mark.timeout(240)
async def test_a_stop_arrives_though_the_channel_layer_is_deaf(installation: Site, camera: SimulatedCamera) -> None:
    worker = installation.start_worker()
    id = installation.add_camera("Yard", camera.url)
    call = 'stop(Store(store_url()), "{}", "Gone.")'
    deaf = "from streaming.store import worker_events\nworker_events.GROUP = 'nobody'\n"
    async with Stream(Session(worker.base), id) as stream:
        await stream.live()
        script = deaf + STOP.format(call=call.format(stream.last("info")["viewing_id"]))
        await asyncio.to_thread(installation.manage, "shell", "-v0", "-c", script)
        assert await stream.ended(5) == 4410


@pytest.mark.timeout(180)
@pytest.mark.timing("measures rates: a starved worker's is low when the next viewer is admitted")
async def test_what_two_workers_send_stays_under_the_budget_while_thirty_viewers_try(
    installation: Site, camera: SimulatedCamera
) -> None:
    workers = installation.start_workers(2, STREAM_MAX_CONCURRENT="100", STREAM_MAX_MBPS="20")
    id = installation.add_camera("Yard", camera.url)
    session, admin = Session(workers[0].base), Session(workers[0].base, "admin")
    sessions = [session.at(worker.base) for worker in workers]
    most = 0.0
    async with AsyncExitStack() as stack:
        streams: list[Stream] = []
        for number in range(30):
            quality = ("low", "medium")[number % 2]
            stream = await stack.enter_async_context(Stream(sessions[number // 2 % 2], id, f"?quality={quality}"))
            await stream.until(lambda stream: stream.count > 0 or stream.close_code is not None)
            streams.append(stream)
            await asyncio.sleep(0.4)
            most = max(most, float(str(gate_of(admin)["mbps"])))
        ends = [stream.close_code for stream in streams]
        assert 0 < ends.count(None) < 30 and set(ends) == {None, 4429}
        refused = next(stream for stream in streams if stream.close_code).last("error")
        assert refused["reason"] == "bandwidth_reached"
        assert refused["mbps"] + refused["expected_mbps"] > refused["max_mbps"] == 20
        running = next(stream for stream in streams if stream.close_code is None and "low" in stream.query)
        before = running.count
        await running.send({"type": "quality_change", "quality": "high"})
        await running.until(
            lambda stream: any(m["type"] == "quality_changed" and "reason" in m for m in stream.messages)
        )
        kept = running.last("quality_changed")
        assert (kept["quality"], kept["reason"]) == ("low", "bandwidth_reached")
        await running.until(lambda stream: stream.count > before + 10)
        for _ in range(8):
            await asyncio.sleep(0.5)
            most = max(most, float(str(gate_of(admin)["mbps"])))
    assert 10 < most <= 20, json.dumps({"most": most})


@pytest.mark.timeout(180)
@pytest.mark.timing("measures rates: a starved worker's is low when the next viewer is admitted")
async def test_viewers_who_miss_pictures_of_a_camera_that_is_shown_as_jpeg_stay_under_the_budget(
    installation: Site, simulator: Simulator
) -> None:
    workers = installation.start_workers(2, STREAM_MAX_CONCURRENT="100", STREAM_MAX_MBPS="20")
    camera = simulator.add(SimulatedCamera("Yard", "yard", width=1280, height=720, fps=15, codec="h265"))
    id = installation.add_camera("Yard", camera.url)
    session, admin = Session(workers[0].base), Session(workers[0].base, "admin")
    query, sent = "?quality=original&formats=jpeg,h264", [0.0]
    async with AsyncExitStack() as stack:
        streams: list[Stream] = []
        for number in range(8):
            late = Late(session.at(workers[number % 2].base), id, query, acknowledges=False)
            streams.append(await stack.enter_async_context(late))
            await late.until(lambda stream: stream.count > 0 or stream.close_code is not None)
        for _ in range(20):
            await asyncio.sleep(0.5)
            sent.append(float(str((await asyncio.to_thread(gate_of, admin))["mbps"])))
        ends = [stream.close_code for stream in streams]
    assert 0 < ends.count(None) < 8 and set(ends) == {None, 4429}
    assert 1 < max(sent) <= 20, sent

"""Control events between workers: they arrive, listening resumes after a failure, and no failure ends a worker."""

import asyncio
import contextlib
import copy
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client
from pytest_django import Settings

from cameras.models import Camera
from nvr import settings as product
from streaming.store import worker_events
from tests.servers import PATIENCE, RedisServer

EVENT = {"type": "recheck", "cameras": ["7"]}
IN_MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.fixture(autouse=True)
def _layer(settings: Settings) -> None:
    """Each test has its own layer: its queues belong to the loop that made them."""
    settings.CHANNEL_LAYERS = dict(IN_MEMORY)


@pytest.fixture
async def on_redis(redis_server: RedisServer, settings: Settings) -> AsyncIterator[Any]:
    """The channel layer of the product's settings, on the test's Redis."""
    layers = copy.deepcopy(product.CHANNEL_LAYERS)
    config: dict[str, Any] = layers["default"]["CONFIG"]  # type: ignore[assignment]
    config["hosts"] = [
        {**host, "address": redis_server.url} if isinstance(host, dict) else redis_server.url
        for host in config["hosts"]
    ]
    settings.CHANNEL_LAYERS = layers
    layer: Any = get_channel_layer()
    yield layer
    await layer.close_pools()


@asynccontextmanager
async def listening(handle: Callable[[worker_events.Event], None]) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(worker_events.listen(handle))
    try:
        yield task
        assert not task.done()
    finally:
        while not task.done():  # redis-py may swallow a cancellation at the end of a call
            task.cancel()
            await asyncio.wait([task], timeout=0.2)


async def heard(
    events: "asyncio.Queue[worker_events.Event]", send: Callable[[], Awaitable[object]]
) -> worker_events.Event:
    """Send until the event arrives: a worker that does not listen yet, or not at this moment, misses it."""
    async with asyncio.timeout(10):
        while True:
            await send()
            try:
                return await asyncio.wait_for(events.get(), 0.1)
            except TimeoutError:
                continue


def of_interest(event: worker_events.Event) -> dict[str, Any]:
    return {name: event[name] for name in ("type", "cameras")}


async def test_every_worker_that_listens_hears_an_event() -> None:
    one, other = asyncio.Queue[worker_events.Event](), asyncio.Queue[worker_events.Event]()
    async with listening(one.put_nowait), listening(other.put_nowait):
        for events in (one, other):
            assert of_interest(await heard(events, lambda: worker_events.send(EVENT))) == EVENT


@pytest.mark.django_db(transaction=True)
async def test_a_saved_camera_is_looked_at_again_by_the_workers() -> None:
    events = asyncio.Queue[worker_events.Event]()
    camera = Camera(name="Yard")
    async with listening(events.put_nowait):
        event = await heard(events, sync_to_async(camera.save))
    assert event["type"] == "recheck"
    assert str(camera.pk) in event["cameras"]


@pytest.mark.django_db(transaction=True)
def test_thousands_of_cameras_that_change_together_are_a_few_events_once_they_are_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[worker_events.Event] = []
    monkeypatch.setattr(worker_events, "send_from_sync", events.append)
    Camera.objects.create(name="Yard")  # sends what transactions of earlier tests, which were rolled back, have left
    events.clear()
    cameras = Camera.objects.bulk_create(Camera(name=str(number)) for number in range(1_200))
    ids = {str(camera.pk) for camera in cameras}
    with transaction.atomic():
        Camera.objects.all().delete()
        assert not events
    assert (len(events), {id for event in events for id in event["cameras"]} >= ids) == (3, True)


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_sends_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[worker_events.Event] = []
    monkeypatch.setattr(worker_events, "send_from_sync", events.append)
    with contextlib.suppress(ValueError), transaction.atomic():
        Camera.objects.create(name="Yard")
        raise ValueError
    assert not events


@pytest.mark.django_db(transaction=True)
def test_a_log_out_is_told_once_the_session_is_gone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[list[str], bool]] = []

    def send(event: worker_events.Event) -> None:
        told.append((event.get("sessions", []), Session.objects.exists()))

    client.force_login(User.objects.create_user("viewer"))
    key = client.session.session_key
    monkeypatch.setattr(worker_events, "send_from_sync", send)
    client.post("/accounts/logout/")
    assert told == [([key], False)]


@pytest.mark.django_db(transaction=True)
def test_a_user_who_is_deleted_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.objects.create_user("viewer")
    id, events = str(user.pk), list[worker_events.Event]()
    monkeypatch.setattr(worker_events, "send_from_sync", events.append)
    user.delete()
    assert events == [{"type": "recheck", "users": [id]}]


@pytest.mark.django_db(transaction=True)
def test_members_who_are_added_to_a_group_are_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    group, events = Group.objects.create(name="Guards"), list[worker_events.Event]()
    users = [User.objects.create_user(name) for name in ("ada", "bob")]
    monkeypatch.setattr(worker_events, "send_from_sync", events.append)
    group.user_set.add(*users)
    assert {id for event in events for id in event["users"]} == {str(user.pk) for user in users}


async def test_a_handler_that_fails_does_not_end_the_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_events, "RETRY", 0.05)
    events = asyncio.Queue[worker_events.Event]()
    seen = []

    def handle(event: worker_events.Event) -> None:
        seen.append(event)
        if len(seen) == 1:
            raise ValueError("a defect in the handler")
        events.put_nowait(event)

    async with listening(handle):
        assert of_interest(await heard(events, lambda: worker_events.send(EVENT))) == EVENT


async def test_listening_outlives_a_redis_that_goes_away_and_comes_back(
    redis_server: RedisServer, on_redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_events, "RETRY", 0.05)
    events = asyncio.Queue[worker_events.Event]()
    async with listening(events.put_nowait):
        await heard(events, lambda: worker_events.send(EVENT))
        redis_server.kill()
        await worker_events.send(EVENT)  # lost, without an error
        redis_server.start()
        assert of_interest(await heard(events, lambda: worker_events.send(EVENT))) == EVENT


@pytest.mark.timing("measures how long a call on a silent Redis takes")
async def test_a_redis_that_never_answers_does_not_delay_saving_or_logging_out(
    redis_server: RedisServer, on_redis: Any
) -> None:
    await worker_events.send(EVENT)
    assert redis_server.process is not None
    redis_server.process.signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(2):
            await worker_events.send(EVENT)
    finally:
        redis_server.process.signal(signal.SIGCONT)


async def test_a_worker_that_has_heard_nothing_for_a_while_still_listens(on_redis: Any) -> None:
    events = asyncio.Queue[worker_events.Event]()
    async with listening(events.put_nowait):
        await heard(events, lambda: worker_events.send(EVENT))
        await asyncio.sleep(5.5)  # longer than the library's longest wait
        await worker_events.send(EVENT)
        waiting = asyncio.create_task(events.get())
        done, _ = await asyncio.wait([waiting], timeout=PATIENCE)
        waiting.cancel()
        assert done
        assert await on_redis.connection(0).zcard(f"{on_redis.prefix}:group:{worker_events.GROUP}") == 1


async def test_without_a_channel_layer_sending_and_listening_do_nothing(settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {}
    events = asyncio.Queue[worker_events.Event]()
    async with listening(events.put_nowait):
        await worker_events.send(EVENT)
        await asyncio.sleep(0)
    assert events.empty()

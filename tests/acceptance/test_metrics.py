"""`/metrics`: access to it, and that its figures agree with the page, the API and Redis."""

import asyncio
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from cameras.simulator import SimulatedCamera, Simulator
from tests.client import Session, Stream
from tests.promtool import Promtool, Samples, samples_of
from tests.servers import PATIENCE, RedisServer, Site, Worker, site, wait_until

TOKEN = "a-token-of-the-tests-own"
USAGE = "/admin/streaming/system/usage/"
PREFIX = "nvr:{gate}:"

Answer = tuple[int, str, bytes]  # status, content type, body


def ask(worker: Worker, authorization: str | None = f"Bearer {TOKEN}") -> Answer:
    headers = {"Authorization": authorization} if authorization is not None else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{worker.base}/metrics", headers=headers), timeout=10
        ) as response:
            return response.status, response.headers["Content-Type"], response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


def scraped(worker: Worker) -> Samples:
    status, _, body = ask(worker)
    assert status == 200, body
    return samples_of(body)


# Access.


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Worker]:
    with site(tmp_path_factory.mktemp("site"), template) as created:
        yield created.start_worker(METRICS_TOKEN=TOKEN)


def test_the_token_or_staff_with_the_permission_may_read_it(worker: Worker, promtool: Promtool) -> None:
    status, content_type, body = ask(worker)
    assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    promtool.check_metrics(body)
    assert ask(worker, f"bearer {TOKEN}")[0] == 200
    assert Session(worker.base, "admin").get("/metrics")[0] == 200


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_nobody_else_may(worker: Worker, given: str | None) -> None:
    status, content_type, body = ask(worker, given)
    assert (status, content_type) == (401, "text/plain")
    assert body == b"Send METRICS_TOKEN as a bearer token, or log in.\n"


def test_a_log_in_without_the_permission_is_told_so(worker: Worker) -> None:
    for name in ("viewer", "staff"):
        status, body = Session(worker.base, name).get("/metrics")
        assert (status, body) == (403, b"Your log-in lacks the permission to view the system.\n")


def test_without_a_token_configured_no_token_opens_it(installation: Site) -> None:
    worker = installation.start_worker()
    for given in ("Bearer", "Bearer ", "Bearer none"):
        assert ask(worker, given)[0] == 401
    assert Session(worker.base, "admin").get("/metrics")[0] == 200


def test_redis_away_is_said_and_nothing_else(installation: Site, redis_server: RedisServer) -> None:
    worker = installation.start_worker(METRICS_TOKEN=TOKEN, REDIS_URL=redis_server.url, STREAM_LEASE_SECONDS="2")
    assert scraped(worker)["gate_up"] == 1
    redis_server.kill()
    wait_until(lambda: scraped(worker)["gate_up"] == 0, PATIENCE, "the gate is told to be down")
    told = {name: value for name, value in scraped(worker).items() if not name.startswith("gate_refuses")}
    assert told == {"gate_up": 0}
    redis_server.start()
    wait_until(lambda: scraped(worker).get("gate_recovering") == 0, 10, "it is up again")


# Figures.


def held_in(server: RedisServer) -> dict[str, Any]:
    """Returns the figures in Redis, without the product's code."""
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        now = time.time() * 1000
        return {
            "in_use": client.zcount(PREFIX + "set:server", f"({now}", "+inf"),
            "cardinality": client.zcard(PREFIX + "set:server"),
            "totals": client.hgetall(PREFIX + "totals"),
        }


@pytest.mark.timeout(180)
async def test_page_metrics_api_and_redis_agree_under_load(
    installation: Site, redis_server: RedisServer, simulator: Simulator, promtool: Promtool
) -> None:
    workers = installation.start_workers(2, METRICS_TOKEN=TOKEN, REDIS_URL=redis_server.url, STREAM_MAX_CONCURRENT="8")
    log_in, admin = Session(workers[0].base), Session(workers[0].base, "admin")
    sessions = [log_in.at(worker.base) for worker in workers]
    streams = await twelve_viewers(sessions, two_cameras(installation, simulator))
    live = [stream for stream in streams if stream.close_code is None]
    assert [stream.close_code for stream in streams if stream not in live] == [4429] * 4
    viewers = dict(Counter(stream.camera for stream in live))
    settled = {"in_use": 8, "limit": 8, "viewers": viewers, "refused": 4, "granted": 8}

    def told() -> list[dict[str, Any]]:
        return [told_by_metrics(scraped(worker)) for worker in workers]

    await asyncio.to_thread(wait_until, lambda: told() == [settled, settled], 10, "both workers tell the same")
    await asyncio.to_thread(pages_and_api_agree, [admin, admin.at(workers[1].base)], sessions, viewers)
    held = await asyncio.to_thread(held_in, redis_server)
    assert (held["in_use"], held["cardinality"]) == (8, 8)
    assert float(held["totals"]["refused:limit_reached"]) == 4
    assert float(held["totals"]["granted"]) == 8
    await bytes_grow_and_no_person_is_told(workers, live)
    promtool.check_metrics((await asyncio.to_thread(ask, workers[0]))[2])
    await asyncio.gather(*(stream.close() for stream in streams))
    empty = {**settled, "in_use": 0, "viewers": {}}
    await asyncio.to_thread(wait_until, lambda: told() == [empty, empty], 10, "all have left, for both")
    assert (await asyncio.to_thread(held_in, redis_server))["cardinality"] == 0


async def test_whoever_waits_is_counted_and_so_is_whoever_gives_up(installation: Site, camera: SimulatedCamera) -> None:
    worker = installation.start_worker(METRICS_TOKEN=TOKEN, STREAM_MAX_CONCURRENT="1")
    id, viewer = installation.add_camera("Yard", camera.url), Session(worker.base)

    def told() -> tuple[float, ...]:
        names = ("streams_waiting", "streams_waited_seconds_count", "streams_gave_up_total")
        samples = scraped(worker)
        return tuple(samples[name] for name in names)

    async with Stream(viewer, id) as holder:
        await holder.live()
        async with Stream(viewer, id, "?wait=1") as first, Stream(viewer, id, "?wait=1") as second:
            await asyncio.to_thread(wait_until, lambda: told() == (2, 0, 0), PATIENCE, "two wait")
            assert viewer.json("/api/v1/cameras/stream/metrics")["gate"]["waiting"] == 2
            await second.close()
            await asyncio.to_thread(wait_until, lambda: told() == (1, 0, 1), PATIENCE, "one has given up")
            await holder.close()
            await first.live()
            await asyncio.to_thread(wait_until, lambda: told() == (0, 1, 1), PATIENCE, "one has waited")


def two_cameras(installation: Site, simulator: Simulator) -> list[str]:
    """Adds two cameras. Returns their ids."""
    cameras = [SimulatedCamera(name, name.lower(), width=640, height=360, fps=10) for name in ("Yard", "Gate")]
    return [installation.add_camera(camera.name, simulator.add(camera).url) for camera in cameras]


async def twelve_viewers(sessions: list[Session], cameras: list[str]) -> list[Stream]:
    """Opens twelve streams one after another, three of four at the first camera. Each is live or refused."""
    streams = [Stream(sessions[number % 2], cameras[number % 4 == 3]) for number in range(12)]
    for stream in streams:
        await stream.__aenter__()
        await stream.until(lambda stream: stream.count > 0 or stream.close_code is not None)
    return streams


def pages_and_api_agree(admins: list[Session], sessions: list[Session], viewers: dict[str, int]) -> None:
    """Asserts that page and API of each worker report eight of eight slots, and `viewers` (camera -> viewers)."""
    for session in admins:
        usage = session.json(USAGE)
        assert (usage["gate"]["in_use"], usage["gate"]["limit"]) == (8, 8)
        assert dict(Counter(viewer["camera_id"] for viewer in usage["viewers"])) == viewers
        assert {camera["id"]: camera["viewers"] for camera in usage["cameras"]} == viewers
    for session in sessions:
        metrics = session.json("/api/v1/cameras/stream/metrics")
        assert (metrics["gate"]["in_use"], metrics["gate"]["limit"]) == (8, 8)
        assert {id: camera["viewers"] for id, camera in metrics["cameras"].items()} == viewers


def told_by_metrics(samples: Samples) -> dict[str, Any]:
    prefix = 'cameras_viewers{camera="'
    return {
        "in_use": samples["streams_in_use"],
        "limit": samples["streams_limit"],
        "viewers": {
            name.removeprefix(prefix).removesuffix('"}'): value
            for name, value in samples.items()
            if name.startswith(prefix) and value
        },
        "refused": samples['streams_refused_total{reason="limit_reached"}'],
        "granted": samples["streams_granted_total"],
    }


async def bytes_grow_and_no_person_is_told(workers: list[Worker], live: list[Stream]) -> None:
    before = [await asyncio.to_thread(scraped, worker) for worker in workers]
    counts = [stream.count for stream in live]
    for stream, count in zip(live, counts, strict=True):
        await stream.until(lambda stream, count=count: stream.count > count + 20)  # type: ignore[misc]
    await asyncio.to_thread(
        wait_until,
        lambda: all(
            after[name] > sample[name]
            for worker, sample in zip(workers, before, strict=True)
            for after in [scraped(worker)]
            for name in ("streams_bytes_sent_total", 'streams_frames_sent_total{format="jpeg"}')
        ),
        10,
        "bytes and frames grow",
    )
    samples = await asyncio.to_thread(scraped, workers[0])
    assert samples["streams_mbps"] > 0
    assert samples["workers"] == 2
    assert samples["streams_first_picture_seconds_count"] == samples["streams_admission_seconds_count"] == 8
    _, _, body = await asyncio.to_thread(ask, workers[0])
    assert b"viewer2" not in body and b'"viewer"' not in body and b"127.0.0.1" not in body

"""Access: log-in, limits of users, the end of streams without access, and secrets that are never shown."""

import asyncio
import http.cookies
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import websockets.asyncio.client
from django.urls import get_resolver
from websockets.exceptions import InvalidStatus

from cameras.simulator import Fault, SimulatedCamera, Simulator
from tests.client import Session, Stream, eventually
from tests.leaks import CAMERA_PASSWORD
from tests.servers import PASSWORD, ROOT, RedisServer, Site, environment_of

PUT_OUT = 15  # seconds within which a stream ends after its user has lost access

# How a user loses access without an event -> the statement, and the close code of the stream.
REMOVALS = {
    "expired": ("UPDATE django_session SET expire_date = '2000-01-01' WHERE session_key = :session", 4401),
    "deleted": ("DELETE FROM django_session WHERE session_key = :session", 4401),
    "inactive": ("UPDATE auth_user SET is_active = 0 WHERE username = :user", 4401),
    "password": ("UPDATE auth_user SET password = 'x' WHERE username = :user", 4401),
    "no-member": ("DELETE FROM auth_user_groups WHERE group_id = (SELECT id FROM auth_group WHERE name = :user)", 4403),
    "no-right": (
        "DELETE FROM auth_group_permissions WHERE group_id = (SELECT id FROM auth_group WHERE name = :user)",
        4403,
    ),
}
ADD_USERS = f"""
from django.contrib.auth.models import Group, User
for name in {list(REMOVALS)!r}:
    group = Group.objects.create(name=name)
    group.permissions.set(Group.objects.get(name="Viewers").permissions.all())
    User.objects.create_user(name, password={PASSWORD!r}).groups.add(group)
"""


async def test_a_running_stream_ends_when_its_user_loses_access_though_no_event_says_so(
    installation: Site, camera: SimulatedCamera
) -> None:
    installation.manage("shell", "-v0", "-c", ADD_USERS)
    worker = installation.start_worker()
    id = installation.add_camera("Yard", camera.url)
    async with AsyncExitStack() as opened:
        streams = {name: await opened.enter_async_context(Stream(Session(worker.base, name), id)) for name in REMOVALS}
        kept = await opened.enter_async_context(Stream(Session(worker.base), id))
        for stream in (*streams.values(), kept):
            await stream.live()
        for name, (statement, _) in REMOVALS.items():
            session = http.cookies.SimpleCookie(streams[name].session.cookie)["sessionid"].value
            installation.execute(statement, {"user": name, "session": session})
        codes = {name: await stream.ended(PUT_OUT) for name, stream in streams.items()}
        assert codes == {name: code for name, (_, code) in REMOVALS.items()}
        assert kept.close_code is None


def _log_out(session: Session) -> None:
    session.post("/accounts/logout/", {})


def _change_password(session: Session) -> None:
    new = "another-pass-word-1"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    session.get("/admin/password_change/")
    assert b"Password change successful" in session.post("/admin/password_change/", form)[1]


async def test_a_stream_ends_at_once_when_its_viewer_logs_out_or_changes_the_password(
    installation: Site, camera: SimulatedCamera
) -> None:
    worker = installation.start_worker()
    id = installation.add_camera("Yard", camera.url)
    other = Session(worker.base, "admin")
    async with Stream(other, id) as kept:
        await kept.live()
        for leave in (
            _log_out,
            _log_out,
            _log_out,
            _change_password,
        ):  # several times, because the regular check each 10 s could end one by luck
            session = Session(worker.base, "admin")
            async with Stream(session, id) as stream:
                await stream.live()
                assert kept.close_code is None, "a log-out ends the streams of its own session"
                await asyncio.to_thread(leave, session)
                assert await stream.ended(4) == 4401
        assert await kept.ended(4) == 4401, "a changed password ends them all"


async def test_every_host_allowed_is_not_every_origin_allowed(installation: Site, camera: SimulatedCamera) -> None:
    worker = installation.start_worker(ALLOWED_HOSTS="*", CSRF_TRUSTED_ORIGINS="https://wall.test:8443")
    id = installation.add_camera("Yard", camera.url)
    session = Session(worker.base)
    url = f"{session.base.replace('http', 'ws')}/api/v1/cameras/{id}/stream"
    headers = {"Cookie": session.cookie}
    for origin in ("http://evil.test", "https://wall.test", "http://wall.test:8443", f"{session.base}0", "null"):
        with pytest.raises(InvalidStatus):
            await websockets.asyncio.client.connect(url, origin=origin, additional_headers=headers)  # type: ignore[arg-type]
    for origin in (session.base, "https://wall.test:8443"):
        async with websockets.asyncio.client.connect(url, origin=origin, additional_headers=headers):  # type: ignore[arg-type]
            pass


async def test_a_user_and_an_address_have_limits_of_their_own(installation: Site, camera: SimulatedCamera) -> None:
    worker = installation.start_worker(STREAM_MAX_PER_USER="1", STREAM_MAX_PER_ADDRESS="2")
    id = installation.add_camera("Yard", camera.url)
    viewer, viewer2, admin = (Session(worker.base, name) for name in ("viewer", "viewer2", "admin"))
    async with Stream(viewer, id) as one, Stream(viewer2, id) as two:
        await one.live()
        await two.live()
        for session, reason, limit in ((viewer, "user_limit_reached", 1), (admin, "address_limit_reached", 2)):
            async with Stream(session, id) as refused:
                assert await refused.ended() == 4429
                error = refused.last("error")
                assert (error["reason"], error["in_use"], error["limit"]) == (reason, limit, limit)


async def test_too_many_handshakes_in_progress_are_refused_and_come_through_later(
    installation: Site, simulator: Simulator
) -> None:
    folder = installation.folder / "other-redis"
    folder.mkdir()
    with RedisServer(folder) as fresh:  # on a new Redis, viewers wait for the end of its grace period
        worker = installation.start_worker(REDIS_URL=fresh.url, STREAM_MAX_HANDSHAKES="3")
        camera = simulator.add(SimulatedCamera(name="Yard", path="yard2", width=320, height=240))
        id = installation.add_camera("Yard", camera.url)
        session = Session(worker.base)
        streams = [await Stream(session, id).__aenter__() for _ in range(6)]
        await asyncio.gather(
            *(stream.until(lambda stream: stream.count > 0 or stream.close_code is not None, 30) for stream in streams)
        )
        refused = [stream for stream in streams if stream.close_code == 4503]
        assert len(refused) == 3
        assert all(stream.last("error")["reason"] == "gate_unavailable" for stream in refused)
        admin, counted = Session(worker.base, "admin"), b'streams_refused_total{reason="gate_unavailable"} 3.0\n'
        await eventually(lambda: counted in admin.get("/metrics")[1])
        await asyncio.gather(*(stream.close() for stream in streams))
        worker.process.end()


def test_guessing_a_password_is_throttled_and_locks_nobody_else_out(installation: Site) -> None:
    worker = installation.start_worker()
    guesser = Session(worker.base, username="")
    guesser.get("/accounts/login/")
    for _ in range(10):
        guesser.post("/accounts/login/", {"username": "viewer", "password": "guess"})
    status, body = guesser.post("/accounts/login/", {"username": "viewer", "password": PASSWORD})
    assert status == 429
    assert b"Too many attempts" in body
    Session(worker.base, "viewer2")


EXEMPT = {"/admin/jsi18n/", "/admin/password_change/", "/admin/password_change/done/"}  # these pages name no camera


def addresses(patterns: Iterable[Any], prefix: str = "") -> Iterator[str]:
    """Yields each address of the site, with parameters as `<name>`."""
    for pattern in patterns:
        route = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", str(pattern.pattern))
        yield from addresses(pattern.url_patterns, route) if hasattr(pattern, "url_patterns") else [f"/{route}"]


async def test_what_names_a_camera_is_stored_by_no_browser_and_no_proxy(
    installation: Site, camera: SimulatedCamera
) -> None:
    worker = installation.start_worker()
    id = installation.add_camera("Yard", camera.url)
    admin = Session(worker.base, "admin")
    storable, answered = {}, set()
    async with Stream(admin, id) as stream:
        await stream.live()
        for address in sorted(set(addresses(get_resolver("nvr.urls").url_patterns)) - {"/accounts/logout/"}):
            path = re.sub(r"<(camera|camera_id|id|object_id)>", id, address)
            if re.search(r"[<^\[(]", path):
                continue
            status, headers = await asyncio.to_thread(admin.headers, path)
            if status == 200:
                answered.add(address)
                if "no-store" not in headers.get("Cache-Control", "") and path not in EXEMPT:
                    storable[path] = headers.get("Cache-Control")
    assert not storable
    expected = {"/", "/api/v1/cameras", "/api/v1/streams", "/api/v1/cameras/export", "/admin/cameras/camera/"}
    assert expected | {"/api/v1/cameras/<camera>/stream/snapshot", "/admin/streaming/system/usage/"} <= answered
    asked = await asyncio.to_thread(admin.headers, "/api/v1/cameras/test-connection", {"stream_url": camera.url})
    assert "no-store" in asked[1].get("Cache-Control", "")


def test_pages_carry_security_headers(installation: Site) -> None:
    worker = installation.start_worker()
    with urllib.request.urlopen(f"{worker.base}/accounts/login/") as response:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"
        cookie = http.cookies.SimpleCookie(response.headers["Set-Cookie"])
        assert cookie["csrftoken"]["samesite"] == "Lax"


def test_the_deployment_check_is_clean_without_https(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "INFO"],
        cwd=ROOT,
        env=environment_of(tmp_path, HTTPS="false", SECRET_KEY=""),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr


CHECK_AND_ASK = """
from django.core.management import call_command
from django.test import Client
call_command("check", deploy=True, fail_level="INFO")
print(Client().get("/accounts/login/", secure=True).headers)
"""


@pytest.mark.parametrize(
    ("hsts", "header"),
    [
        ("", "max-age=31536000"),
        ("off", None),
        ("subdomains", "max-age=31536000; includeSubDomains"),
        ("preload", "max-age=31536000; includeSubDomains; preload"),
    ],
)
def test_hsts_is_sent_as_set_and_the_deployment_check_is_clean(
    installation: Site, hsts: str, header: str | None
) -> None:
    settings = {"HTTPS": "true", "HSTS": hsts, "SECRET_KEY": "", "ALLOWED_HOSTS": "testserver"}
    said = installation.manage("shell", "-v0", "-c", CHECK_AND_ASK, **settings)
    assert (f"'Strict-Transport-Security': '{header}'" in said) if header else ("Strict-Transport" not in said)


async def test_a_camera_password_is_used_and_never_said(installation: Site, simulator: Simulator) -> None:
    camera = simulator.add(
        SimulatedCamera(name="Safe", path="safe", width=320, height=240, username="operator", password=CAMERA_PASSWORD)
    )
    worker = installation.start_worker(DEBUG="true", STREAM_READ_TIMEOUT_SECONDS="1")
    admin = Session(worker.base, "admin")
    admin.get("/admin/cameras/camera/add/")
    form = {"name": "Safe", "stream_url": camera.url, "username": "operator", "enabled": "on"}
    said = [admin.post("/admin/cameras/camera/add/", {**form, "password": CAMERA_PASSWORD})[1]]
    (id,) = (row for row in installation.camera_ids())
    async with Stream(admin, id) as stream:
        await stream.live()
        said.append(str(stream.messages).encode())
        for fault in (Fault.UNAUTHORIZED, Fault.REFUSE):
            camera.fault = fault
            camera.drop_connections()
            await stream.until(lambda stream: stream.last("status")["state"] == "reconnecting")
    for path in (
        "/admin/cameras/camera/",
        f"/admin/cameras/camera/{id}/change/",
        f"/admin/cameras/camera/{id}/history/",
        "/admin/streaming/system/usage/",
        f"/api/v1/cameras/{id}/stream/info",
        f"/api/v1/cameras/{id}/stream/snapshot",
        "/api/v1/cameras/stream/metrics",
    ):
        said.append(admin.get(path)[1])
    said.append(admin.post("/api/v1/cameras/test-connection", {**form, "id": id})[1])
    said.append(
        installation.manage("shell", "-c", "from cameras.models import *; print(repr(Camera.objects.get()))").encode()
    )
    said.append(installation.database.read_bytes())
    said.append(installation.logs().encode())
    assert not [text[:200] for text in said if CAMERA_PASSWORD.encode() in text]


async def test_an_administrator_lists_the_slots_and_frees_one(installation: Site, camera: SimulatedCamera) -> None:
    worker = installation.start_worker()
    id = installation.add_camera("Yard", camera.url)
    async with Stream(Session(worker.base), id) as stream:
        await stream.live()
        viewing = stream.last("info")["viewing_id"]
        listed = await asyncio.to_thread(installation.manage, "slots")
        assert "1 of 10 slots in use" in listed
        assert viewing in listed
        assert "viewer  Yard  medium  127.0.0.1" in listed
        freed = await asyncio.to_thread(installation.manage, "slots", "--free", viewing[-8:])
        assert "its viewer got a message" in freed
        assert await stream.ended() == 4410
        assert stream.last("error")["reason"] == "stopped_by_administrator"
    await eventually(lambda: "0 of 10" in installation.manage("slots"))

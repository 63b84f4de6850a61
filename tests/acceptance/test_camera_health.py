"""The health of cameras: two workers, one of which checks, and what administrators and viewers learn of a failure."""

import urllib.request
from pathlib import Path

import pytest

from cameras.simulator import Fault, SimulatedCamera, Simulator
from tests.client import Session, Stream
from tests.promtool import samples_of
from tests.servers import Site, site, wait_until

LIST = "/admin/cameras/camera/"
TOKEN = "a-token-of-the-tests-own"
NO_LOGIN = "The camera wants a user name and a password."


@pytest.fixture
def cameras(simulator: Simulator) -> dict[str, SimulatedCamera]:
    names = ("Yard", "Gate", "Hall")
    made = {name: simulator.add(SimulatedCamera(name, name.lower(), 320, 180, 15)) for name in names}
    made["Gate"].fault = Fault.UNAUTHORIZED
    return made


@pytest.mark.timeout(240)
def test_one_of_two_workers_checks_each_camera_once_and_page_and_metrics_tell_the_result(
    tmp_path: Path, template: Path, cameras: dict[str, SimulatedCamera]
) -> None:
    settings = {"STREAM_CHECK_MINUTES": "15", "METRICS_TOKEN": TOKEN}
    with site(tmp_path, template, **settings) as installation:
        for name, camera in cameras.items():
            installation.add_camera(name, camera.url)
        installation.add_camera("Nowhere", f"{cameras['Yard'].url}-2")
        workers = [installation.start_worker(), installation.start_worker()]
        admin = Session(workers[1].base, "admin")

        def names(health: str) -> set[str]:
            page = admin.get(f"{LIST}?health={health}")[1].decode()
            return {name for name in (*cameras, "Nowhere") if f">{name}</a>" in page}

        wait_until(lambda: not names("never"), 60, "all cameras are checked")
        assert (names("problem"), names("reachable")) == ({"Gate", "Nowhere"}, {"Yard", "Hall"})
        page = admin.get(LIST)[1].decode()
        assert all(words in page for words in (NO_LOGIN, "No such path", "H.264, 320x180"))
        assert [camera.connections_total for camera in cameras.values()] == [1, 0, 1]  # Gate lets nobody in
        request = urllib.request.Request(f"{workers[0].base}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        samples = samples_of(text)
        assert samples['cameras_health{state="reachable"}'] == 2
        assert b'name="Gate",problem="wrong_password"} 1.0' in text


async def test_an_administrator_who_watches_reads_the_real_reason_and_others_do_not(
    installation: Site, cameras: dict[str, SimulatedCamera]
) -> None:
    worker = installation.start_worker(STREAM_READ_TIMEOUT_SECONDS="1")
    id = installation.add_camera("Gate", cameras["Gate"].url)
    messages = {}
    for name in ("admin", "viewer", "staff"):
        if name == "staff":  # may watch, and log in to the administration, but change no camera
            group = "from django.contrib.auth.models import Group, User; User.objects.get(username='staff')"
            installation.manage("shell", "-v0", "-c", f"{group}.groups.add(Group.objects.get(name='Viewers'))")
        async with Stream(Session(worker.base, name), id) as stream:
            assert await stream.ended(10) == 4503
            messages[name] = stream.last("error")["message"]
    general = "The camera refused the connection, the log-in or the address."
    assert messages == {"admin": NO_LOGIN, "viewer": general, "staff": general}

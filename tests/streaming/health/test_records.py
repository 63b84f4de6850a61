"""The health of cameras in the database."""

import time
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from cameras.models import Camera, cameras_changed
from streaming.health import records
from streaming.health.overview import read_overview
from streaming.health.records import Sight, due, reconnections_in_a_day, store
from streaming.ingest.condition import Problem, VideoFacts
from streaming.models import CameraHealth

pytestmark = pytest.mark.django_db

FACTS = VideoFacts("h264", 1280, 720, 24.96)
NOW = timezone.now()
HOUR = int(time.time() // 3600)


def add(name: str = "Yard", **fields: object) -> Camera:
    return Camera.objects.create(**{"name": name, "stream_url": "rtsp://camera/yard", **fields})


def see(camera: Camera, *sights: Sight) -> CameraHealth:
    for sight in sights:
        store({str(camera.pk): sight}, {})
    return CameraHealth.objects.get(camera=camera)


def failing(at: timedelta = timedelta()) -> Sight:
    return Sight(NOW + at, Problem.WRONG_PASSWORD, "The camera refused the user name or the password.")


def test_each_kind_of_failure_is_a_state() -> None:
    assert {problem.value for problem in Problem} == set(CameraHealth.State.values) - {CameraHealth.State.REACHABLE}


def test_a_camera_that_sends_pictures_is_reachable_with_the_facts_of_its_video() -> None:
    row = see(add(), Sight(NOW, facts=FACTS))
    assert (row.state, row.reason, row.since, row.seen_at, row.picture_at) == ("reachable", "", NOW, NOW, NOW)
    assert (row.codec, row.width, row.height, row.frames_per_second) == ("h264", 1280, 720, 25)


def test_a_failure_keeps_the_last_picture_and_a_state_its_beginning() -> None:
    later, latest = timedelta(minutes=1), timedelta(minutes=2)
    row = see(add(), Sight(NOW, facts=FACTS), failing(later), failing(latest))
    assert (row.state, row.since, row.seen_at) == ("wrong_password", NOW + later, NOW + latest)
    assert (row.picture_at, row.codec) == (NOW, "h264")
    assert "password" in row.reason


def test_what_a_slower_worker_saw_earlier_changes_nothing() -> None:
    row = see(add(), Sight(NOW, facts=FACTS), failing(timedelta(seconds=-1)))
    assert row.state == "reachable"


def test_a_camera_that_was_deleted_meanwhile_is_left_out() -> None:
    camera = add()
    gone = str(uuid.uuid4())
    store({gone: failing(), str(camera.pk): failing()}, {(gone, HOUR): 1})
    assert [row.camera_id for row in CameraHealth.objects.all()] == [camera.pk]


def test_reconnections_of_the_last_24_hours_are_added_up_and_older_ones_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(records, "time", SimpleNamespace(time=lambda: HOUR * 3600))  # the next hour may begin now
    camera = add()
    id = str(camera.pk)
    store({id: failing()}, {(id, HOUR): 1, (id, HOUR - 23): 2, (id, HOUR - 24): 4})
    store({}, {(id, HOUR): 8})
    row = CameraHealth.objects.get()
    assert reconnections_in_a_day(row) == 1 + 2 + 8
    assert str(HOUR - 24) not in row.reconnections
    row.reconnections[str(HOUR - 24)] = 16  # as a day later, before the next record
    assert reconnections_in_a_day(row) == 1 + 2 + 8


def test_cameras_that_were_never_tried_are_due_first_then_those_whose_record_is_the_oldest() -> None:
    old, older, fresh = add("Old"), add("Older"), add("Fresh")
    for camera, minutes in ((old, 16), (older, 17), (fresh, 1)):
        see(camera, failing(timedelta(minutes=-minutes)))
    new = add("New")
    add("Off", enabled=False)
    add("Nowhere", stream_url="")
    assert [camera.name for camera in due(15, 9)] == ["New", "Older", "Old"]
    assert due(15, 1) == [new]


@pytest.mark.parametrize("many", [False, True])
def test_a_changed_camera_is_due_at_once(many: bool) -> None:
    camera = add()
    see(camera, failing())
    assert not due(15, 9)
    if many:
        cameras_changed.send(Camera, cameras=iter([camera]))
    else:
        camera.save()
    assert due(15, 9) == [camera]


def test_the_overview_counts_enabled_cameras_and_names_those_with_a_problem() -> None:
    wrong, off = add("Wrong"), add("Off", enabled=False)
    for camera in (wrong, off):
        see(camera, failing())
    see(add("Right"), Sight(NOW, facts=FACTS))
    add("New")
    counts, problems = read_overview()
    assert {state: count for state, count in counts.items() if count} == {
        "never_tried": 1,
        "reachable": 1,
        "wrong_password": 1,
    }
    assert [tuple(problem) for problem in problems] == [(str(wrong.pk), "Wrong", "wrong_password")]

"""Cameras > Cameras: the health of each camera, and the filter."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cameras.models import Camera
from streaming.health.records import Sight, store
from streaming.ingest.condition import Problem, VideoFacts

pytestmark = pytest.mark.django_db

LIST = reverse("admin:cameras_camera_changelist")
SECRETS = ("operator", "s3cret")


def add(name: str, sight: Sight | None = None, **fields: object) -> Camera:
    camera = Camera.objects.create(
        name=name, stream_url="rtsp://camera/live", username=SECRETS[0], password=SECRETS[1], **fields
    )
    if sight is not None:
        store({str(camera.pk): sight}, {(str(camera.pk), int(sight.at.timestamp() // 3600)): 7})
    return camera


@pytest.fixture(autouse=True)
def cameras() -> None:
    now = timezone.now() - timedelta(minutes=3)
    add("Yard", Sight(now, facts=VideoFacts("h264", 1280, 720, 24.96)))
    add("Gate", Sight(now, Problem.WRONG_PASSWORD, "The camera refused the user name or the password."))
    add("Porch", Sight(now, Problem.NO_SUCH_PATH, "No stream at this path."), enabled=False)
    add("Hall")


def names(client: Client, query: str = "") -> set[str]:
    page = client.get(LIST + query).text
    return {name for name in ("Yard", "Gate", "Porch", "Hall") if f">{name}</a>" in page}


def test_the_list_tells_state_reason_video_last_picture_and_reconnections(admin_client: Client) -> None:
    page = admin_client.get(LIST).text
    for words in (
        "Reachable",
        "Wrong password",
        "The camera refused the user name or the password.",
        "No such path",
        "Never tried",
        "H.264, 1280x720, 25 frames/s",
        "3\xa0minutes ago",
        '<td class="field-reconnections">7</td>',
    ):
        assert words in page
    assert not any(secret in page for secret in SECRETS)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("problem", {"Gate"}), ("reachable", {"Yard"}), ("no_such_path", {"Porch"}), ("never", {"Hall"}), ("x", set())],
)
def test_the_filter_finds_cameras_by_their_health(admin_client: Client, chosen: str, expected: set[str]) -> None:
    assert names(admin_client, f"?health={chosen}") == expected


def test_the_list_takes_no_query_per_camera(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        add(f"More {number}", Sight(timezone.now(), Problem.UNREACHABLE, "The host is not known."))
    with django_assert_max_num_queries(8):
        admin_client.get(LIST)


def test_a_changed_camera_is_checked_next(admin_client: Client) -> None:
    Camera.objects.get(name="Gate").save()
    assert "is checked next" in admin_client.get(LIST).text

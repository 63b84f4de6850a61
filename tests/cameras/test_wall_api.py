"""Saved walls in the JSON API."""

import json
import uuid
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from cameras.models import Camera, Wall
from tests.cameras.api_client import Api, error, refusal
from tests.cameras.wall_kit import cameras, person, wall_of

pytestmark = pytest.mark.django_db

WALLS = "/api/v1/walls"


@pytest.fixture
def api() -> Api:
    return Api("cameras.watch_camera")


def layout(*cameras: Camera, **fields: Any) -> dict[str, Any]:
    tiles = [{"camera": str(camera.pk), "size": 1} for camera in cameras]
    return {"name": "Lobby", "tiles": tiles, "per_page": 0, "cycle_seconds": 0, "shared": False, **fields}


def test_a_wall_is_created_read_changed_and_deleted(api: Api) -> None:
    door, gate = cameras("Door", "Gate")
    created = api("POST", WALLS, layout(door, gate, cycle_seconds=30))
    assert (created.status_code, created["Location"]) == (201, f"{WALLS}/lobby")
    path = created["Location"]
    expected = {**layout(door, gate, cycle_seconds=30), "slug": "lobby", "owner": api.user.username}
    assert json.loads(api("GET", path).content) == expected
    changed = layout(gate, name="Entrance", per_page=4)
    changed["tiles"][0]["size"] = 2
    assert json.loads(api("PUT", path, changed).content) == {**changed, "slug": "lobby", "owner": api.user.username}
    assert json.loads(api("GET", WALLS).content)["count"] == 1
    assert api("DELETE", path).status_code == 204
    assert not Wall.objects.exists()
    assert LogEntry.objects.filter(object_repr__in=["Lobby", "Entrance"]).count() == 3


def test_a_wall_of_somebody_else_is_not_found_and_a_shared_one_is_read_only(api: Api) -> None:
    bob = person("bob")
    wall_of(bob, name="private")
    wall_of(bob, name="shared", shared=True)
    for method in ("GET", "PUT", "DELETE"):
        assert refusal(api(method, f"{WALLS}/private", layout())) == (404, "wall_not_found")
    assert api("GET", f"{WALLS}/shared").status_code == 200
    for method in ("PUT", "DELETE"):
        assert refusal(api(method, f"{WALLS}/shared", layout())) == (403, "permission_denied")
    assert [item["slug"] for item in json.loads(api("GET", WALLS).content)["items"]] == ["shared"]


def test_staff_share_walls_and_change_shared_ones(api: Api) -> None:
    assert refusal(api("POST", WALLS, layout(shared=True))) == (403, "permission_denied")
    api.user.is_staff = True
    api.user.save()
    assert api("POST", WALLS, layout(shared=True)).status_code == 201
    wall_of(person("bob"), name="other", shared=True)
    assert api("PUT", f"{WALLS}/other", layout(shared=True)).status_code == 200


def test_who_may_not_watch_has_no_walls() -> None:
    wall_of(person("bob"), shared=True)
    stranger = Api()
    for method, path in (("GET", WALLS), ("POST", WALLS), ("GET", f"{WALLS}/lobby"), ("DELETE", f"{WALLS}/lobby")):
        assert refusal(stranger(method, path, layout())) == (403, "permission_denied")


SOME = str(uuid.UUID(int=1))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("no JSON", "body"),
        ("[]", "body"),
        ({"tiles": []}, "name"),
        ({"name": "Lobby"}, "tiles"),
        ({"name": "", "tiles": []}, "name"),
        ({"name": "a\nb", "tiles": []}, "name"),
        ({"name": "Lobby", "tiles": "all"}, "tiles"),
        ({"name": "Lobby", "tiles": [{"camera": "yard"}]}, "tiles.0.camera"),
        ({"name": "Lobby", "tiles": [{"camera": SOME, "size": 5}]}, "tiles.0.size"),
        ({"name": "Lobby", "tiles": [{"camera": SOME, "size": "2"}]}, "tiles.0.size"),
        ({"name": "Lobby", "tiles": [{"camera": SOME, "color": 1}]}, "tiles.0.color"),
        ({"name": "Lobby", "tiles": [{"camera": SOME}]}, "tiles.0.camera"),
        ({"name": "Lobby", "tiles": [{"camera": SOME}] * 257}, "tiles"),
        ({"name": "Lobby", "tiles": [], "per_page": 65}, "per_page"),
        ({"name": "Lobby", "tiles": [], "cycle_seconds": 4}, "cycle_seconds"),
        ({"name": "Lobby", "tiles": [], "cycle_seconds": 3601}, "cycle_seconds"),
        ({"name": "Lobby", "tiles": [], "shared": "yes"}, "shared"),
        ({"name": "Lobby", "tiles": [], "extra": 1}, "extra"),
    ],
)
def test_a_layout_that_is_none_is_refused_with_field_and_reason_and_the_stored_wall_is_untouched(
    api: Api, body: Any, field: str
) -> None:
    wall_of(api.user, *cameras("Door"))
    before = Wall.objects.values().get()
    for method, path in (("PUT", f"{WALLS}/lobby"), ("POST", WALLS)):
        answer = api(method, path, body)
        problem = error(answer)
        assert (answer.status_code, problem["reason"], list(problem["fields"])) == (400, "invalid_layout", [field])
        assert problem["fields"][field][0]
    assert Wall.objects.values().get() == before


def test_a_camera_is_on_a_wall_once(api: Api) -> None:
    (door,) = cameras("Door")
    assert list(error(api("POST", WALLS, layout(door, door)))["fields"]) == ["tiles.1.camera"]


def test_the_place_of_a_deleted_camera_is_kept_until_it_is_taken_off(api: Api) -> None:
    door, gate = cameras("Door", "Gate")
    wall_of(api.user, door, gate)
    body = layout(gate, door)
    door.delete()
    assert api("PUT", f"{WALLS}/lobby", body).status_code == 200
    assert api("PUT", f"{WALLS}/lobby", layout(gate)).status_code == 200
    assert list(error(api("PUT", f"{WALLS}/lobby", body))["fields"]) == ["tiles.1.camera"]

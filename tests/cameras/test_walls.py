"""The pages of walls, as a browser receives them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from cameras.models import Camera, CameraGroup, Wall
from cameras.walls import DISABLED, HIDDEN, free_slug
from tests.cameras.wall_kit import browser_of, cameras, display_on, person, screen, wall_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return person("ada")


@pytest.fixture
def client(ada: User) -> Client:
    return browser_of(ada)


def names(client: Client, path: str) -> list[str]:
    """The names of the places, in their order."""
    return [place.name for place in client.get(path).context["places"]]


def test_a_saved_wall_has_its_cameras_in_their_order_and_sizes(client: Client, ada: User) -> None:
    door, gate, _ = cameras("Door", "Gate", "Yard")
    wall = wall_of(ada, gate, door, per_page=4, cycle_seconds=20)
    wall.tiles[0]["size"] = 3
    wall.save()
    page = client.get("/wall/lobby/").text
    assert names(client, "/wall/lobby/") == ["Gate", "Door"]
    assert 'data-name="Gate" data-size="3"' in page
    assert 'data-per-page="4" data-cycle="20"' in page
    assert "<title>Lobby" in page


def test_an_own_wall_and_a_shared_one_open_and_others_are_not_found(client: Client, ada: User) -> None:
    bob = person("bob")
    wall_of(ada, name="mine")
    wall_of(bob, name="shared", shared=True)
    wall_of(bob, name="private")
    cameras("Door")
    expected = {"mine": 200, "shared": 200, "private": 404, "unknown": 404}
    assert {slug: client.get(f"/wall/{slug}/").status_code for slug in expected} == expected
    page = client.get("/wall/").text
    assert "/wall/mine/" in page
    assert "/wall/shared/" in page
    assert "private" not in page


def test_a_user_who_may_not_watch_finds_no_wall(ada: User) -> None:
    wall_of(ada, shared=True)
    stranger = browser_of(User.objects.create_user("stranger"))
    assert stranger.get("/wall/lobby/").status_code == 404
    assert stranger.get("/wall/lobby/?kiosk=1").status_code == 404


def test_a_visitor_is_sent_to_the_log_in_and_back(ada: User) -> None:
    wall_of(ada, shared=True)
    for path in ("/wall/lobby/", "/wall/unknown/"):
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


def test_a_deleted_and_a_disabled_camera_leave_their_places_empty_and_say_so(client: Client, ada: User) -> None:
    door, gate, yard = cameras("Door", "Gate", "Yard")
    wall_of(ada, door, gate, yard)
    gate.delete()
    Camera.objects.filter(pk=yard.pk).update(enabled=False)
    places = client.get("/wall/lobby/").context["places"]
    assert [(place.name, place.gap) for place in places] == [("Door", ""), ("", HIDDEN), ("Yard", DISABLED)]
    page = client.get("/wall/lobby/").text
    assert "This camera was removed" in page
    assert page.count("data-gap") == 2


def test_a_wall_is_changed_by_its_owner_and_a_shared_one_by_staff(client: Client, ada: User) -> None:
    bob, eve = person("bob"), person("eve", is_staff=True)
    wall_of(ada, name="lobby")
    wall_of(bob, name="shared", shared=True)
    assert "data-arrange" in client.get("/wall/lobby/").text
    assert "data-arrange" not in client.get("/wall/shared/").text
    assert "data-arrange" in browser_of(eve).get("/wall/shared/").text


def test_a_group_filters_the_wall_of_all_cameras_and_saved_ones(client: Client, ada: User) -> None:
    door, gate, yard = cameras("Door", "Gate", "Yard")
    wall_of(ada, yard, door)
    group = CameraGroup.objects.create(name="Outside")
    group.cameras.set([gate, yard])
    CameraGroup.objects.create(name="Nothing")
    assert names(client, f"/wall/?group={group.pk}") == ["Gate", "Yard"]
    assert names(client, f"/wall/lobby/?group={group.pk}") == ["Yard"]
    assert "data-arrange" not in client.get(f"/wall/lobby/?group={group.pk}").text  # it would lose the others
    page = client.get("/wall/").text
    assert "Outside" in page
    assert "Nothing" not in page
    for wrong in ("x", "999", "-1", str(2**70)):
        assert client.get(f"/wall/?group={wrong}").status_code == 404


def test_a_kiosk_shows_the_pictures_only_and_its_version_changes_with_what_it_shows(client: Client, ada: User) -> None:
    door, gate = cameras("Door", "Gate")
    wall_of(ada, door, gate)
    page = client.get("/wall/lobby/?kiosk=1")
    assert "Log out" not in page.text
    assert "data-arrange" not in page.text
    before = page["X-Wall-Version"]
    assert f'data-version="{before}"' in page.text
    assert client.head("/wall/lobby/?kiosk=1")["X-Wall-Version"] == before
    versions = {before}
    for change in ({"name": "Back door"}, {"enabled": False}):
        Camera.objects.filter(pk=door.pk).update(**change)
        versions.add(client.head("/wall/lobby/?kiosk=1")["X-Wall-Version"])
    Wall.objects.update(cycle_seconds=10)
    versions.add(client.head("/wall/lobby/?kiosk=1")["X-Wall-Version"])
    assert len(versions) == 4


def test_who_may_change_a_wall_is_led_to_its_kiosk_mode_and_people_are_led_back(client: Client, ada: User) -> None:
    bob = person("bob", is_staff=True)
    wall = wall_of(bob, *cameras("Door"), shared=True)
    wall_of(ada, name="mine")
    expected = {"/wall/mine/": True, "/wall/lobby/": False, "/wall/": False}
    assert {path: "?kiosk=1" in client.get(path).text for path in expected} == expected
    assert "?kiosk=1" in browser_of(bob).get("/wall/lobby/").text
    assert 'data-leave="/wall/lobby/"' in client.get("/wall/lobby/?kiosk=1").text
    _, token = display_on(wall, bob)
    assert "data-leave" not in screen(token).get("/wall/lobby/").text


def test_no_query_is_made_for_each_camera(
    client: Client, ada: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    wall_of(ada, *cameras(*(f"{number}" for number in range(50))))
    with django_assert_max_num_queries(10):
        client.get("/wall/lobby/")


def test_each_wall_gets_a_slug_of_its_own(ada: User) -> None:
    for expected in ("nord-west", "nord-west-2", "nord-west-3"):
        assert free_slug("Nörd West") == expected
        Wall.objects.create(owner=ada, name="Nörd West", slug=expected)
    assert free_slug("大厅") == "wall"
    assert free_slug("x" * 100) == "x" * 50

"""Displays: their links, what a display opens, and how its access ends."""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from cameras import displays
from cameras.models import Camera, DisplayToken, Wall
from cameras.permissions import may_keep_slots, may_watch, may_watch_unattended, visible_to
from tests.cameras.wall_kit import browser_of, cameras, display_on, person, screen, wall_of

pytestmark = pytest.mark.django_db

LOBBY = "/wall/lobby/?kiosk=1"
ADD = reverse("admin:cameras_displaytoken_add")
LIST = reverse("admin:cameras_displaytoken_changelist")


@pytest.fixture
def ada() -> User:
    return person("ada", is_staff=True, is_superuser=True)


@pytest.fixture
def shown() -> Camera:
    return cameras("Door")[0]


@pytest.fixture
def hidden() -> Camera:
    return cameras("Vault")[0]


@pytest.fixture
def wall(ada: User, shown: Camera) -> Wall:
    return wall_of(ada, shown)


@pytest.fixture
def made(wall: Wall, ada: User) -> tuple[DisplayToken, str]:
    return display_on(wall, ada)


# The link.


def test_staff_make_a_link_which_is_shown_once_and_stored_as_a_digest(ada: User, wall: Wall) -> None:
    answer = browser_of(ada).post(ADD, {"name": "Entrance", "wall": wall.pk}, follow=True)
    (text,) = re.findall(r"http://testserver/display/#(nvr_[\w-]{43})", answer.text)
    row = DisplayToken.objects.get()
    assert (row.issuer, row.prefix) == (ada, text[:8])
    assert not any(text in str(value) for value in vars(row).values())
    assert text not in browser_of(ada).get(LIST).text
    assert displays.display_of(text) is not None


def test_staff_make_displays_of_their_own_and_of_shared_walls_only() -> None:
    bob = person("bob", is_staff=True)
    bob.user_permissions.add(*_permissions("displaytoken"))
    other = person("other")
    private, shared = wall_of(other, name="private"), wall_of(other, name="shared", shared=True)
    client = browser_of(bob)
    assert client.post(ADD, {"name": "A", "wall": private.pk}).status_code == 200  # with an error
    assert client.post(ADD, {"name": "A", "wall": shared.pk}).status_code == 302
    assert [row.wall for row in DisplayToken.objects.all()] == [shared]


def _permissions(model: str) -> Any:
    from django.contrib.auth.models import Permission

    return Permission.objects.filter(content_type__model=model)


def test_the_link_logs_a_screen_in_by_a_form_so_that_no_log_has_the_token(made: tuple[DisplayToken, str]) -> None:
    client, (_, text) = Client(), made
    assert "data-enter" in client.get("/display/").text
    answer = client.post("/display/", {"token": text})
    assert (answer.status_code, answer["Location"]) == (302, LOBBY)
    cookie = answer.cookies[displays.COOKIE]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    page = client.get(LOBBY)
    assert page.status_code == 200
    assert "Door" in page.text


@pytest.mark.parametrize("wrong", ["", "x", "nvr_" + "A" * 43, "\x00"])
def test_a_wrong_link_is_refused(made: tuple[DisplayToken, str], wrong: str) -> None:
    answer = Client().post("/display/", {"token": wrong})
    assert answer.status_code == 403
    assert displays.COOKIE not in answer.cookies


# The pages that a display opens.


def everything(patterns: Any, prefix: str = "") -> Iterator[str]:
    """Yields a path for each address of the site."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from everything(pattern.url_patterns, route)
        else:
            yield "/" + re.sub(r"\(\?P<\w+>[^)]*\)", "x", route).replace("^", "").replace("$", "").replace("\\", "")


def filled(path: str, camera: Camera) -> str:
    path = re.sub(r"<uuid:\w+>", str(camera.pk), path)
    path = re.sub(r"<slug:\w+>", "lobby", path)
    return re.sub(r"<[^>]+>", "1", path)


def test_a_display_opens_nothing_else(made: tuple[DisplayToken, str], shown: Camera, hidden: Camera) -> None:
    Camera.objects.update(stream_url="")  # what is open answers 409, and opens no camera
    client, paths = screen(made[1]), set(everything(get_resolver().url_patterns)) - {"/healthz", "/readyz"}
    assert len(paths) > 60
    opened = set()
    for path in sorted(paths):
        for camera in (shown, hidden):
            for method in ("get", "post", "put", "patch", "delete"):
                full = filled(path, camera)
                mine, anybody = getattr(client, method)(full), getattr(Client(), method)(full)
                if (mine.status_code, mine.content) != (anybody.status_code, anybody.content) and not _differs_by_csrf(
                    mine, anybody
                ):
                    opened.add((method, full))
    assert opened == {
        *((method, "/wall/lobby/") for method in ("get", "post", "put", "patch", "delete")),
        ("get", f"/api/v1/cameras/{shown.pk}/stream/snapshot"),
        ("get", f"/api/v1/cameras/{hidden.pk}/stream/snapshot"),  # refused: see the next test
    }


def _differs_by_csrf(one: Any, other: Any) -> bool:
    clean = [re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", answer.content) for answer in (one, other)]
    return one.status_code == other.status_code and clean[0] == clean[1]


def test_a_display_watches_the_cameras_of_its_wall_only(
    made: tuple[DisplayToken, str], shown: Camera, hidden: Camera
) -> None:
    display = displays.display_of(made[1])
    assert display is not None
    assert may_watch(display)
    assert may_watch(display, shown)
    assert not may_watch(display, hidden)
    assert list(visible_to(display)) == [shown]
    assert may_watch_unattended(display)
    assert not may_keep_slots(display)
    answer = screen(made[1]).get(f"/api/v1/cameras/{hidden.pk}/stream/snapshot")
    assert answer.status_code == 404
    assert "Vault" not in answer.text


def test_a_display_shows_only_what_its_issuer_may_watch(
    made: tuple[DisplayToken, str], ada: User, shown: Camera
) -> None:
    User.objects.filter(pk=ada.pk).update(is_superuser=False)
    ada.groups.clear()
    display = displays.display_of(made[1])
    assert display is not None
    assert not may_watch(display, shown)
    page = screen(made[1]).get(LOBBY)
    assert page.status_code == 200
    assert "Door" not in page.text


def test_another_wall_is_not_found(made: tuple[DisplayToken, str], ada: User) -> None:
    wall_of(ada, name="other", shared=True)
    for slug in ("other", "unknown"):
        assert screen(made[1]).get(f"/wall/{slug}/?kiosk=1").status_code == 404


def test_a_display_that_keeps_its_slots_says_so(wall: Wall, ada: User) -> None:
    display = displays.display_of(display_on(wall, ada, keeps_slots=True)[1])
    assert display is not None
    assert may_keep_slots(display)


def test_it_is_told_when_a_display_was_seen(made: tuple[DisplayToken, str]) -> None:
    assert made[0].last_seen is None
    screen(made[1]).head(LOBBY)
    seen = DisplayToken.objects.get().last_seen
    assert seen is not None
    screen(made[1]).head(LOBBY)
    assert DisplayToken.objects.get().last_seen == seen  # exact to a minute
    DisplayToken.objects.update(last_seen=seen - timedelta(minutes=2))
    screen(made[1]).head(LOBBY)
    assert DisplayToken.objects.get().last_seen > seen - timedelta(minutes=1)  # type: ignore[operator]


# The end.


def test_an_expired_display_says_so_and_who_can_extend_it_and_continues_then(made: tuple[DisplayToken, str]) -> None:
    now = timezone.now()
    DisplayToken.objects.update(expires=now)
    client = screen(made[1])
    answer = client.get(LOBBY)
    assert answer.status_code == 403
    assert "This display has expired" in answer.text
    assert "<strong>ada</strong>" in answer.text
    assert "Door" not in answer.text
    DisplayToken.objects.update(expires=now + timedelta(days=1))
    assert client.get(LOBBY).status_code == 200


def test_a_revoked_display_says_so_and_who_can_make_a_new_link(made: tuple[DisplayToken, str], ada: User) -> None:
    browser_of(ada).post(LIST, {"action": "revoke", "_selected_action": [made[0].pk]})
    answer = screen(made[1]).get(LOBBY)
    assert answer.status_code == 403
    assert "This display was revoked" in answer.text
    assert "<strong>ada</strong>" in answer.text
    assert "Revoked" in browser_of(ada).get(LIST).text


def test_the_display_of_a_user_who_left_waits_until_somebody_takes_it_over(
    made: tuple[DisplayToken, str], wall: Wall
) -> None:
    bob = person("bob", is_staff=True, is_superuser=True)
    Wall.objects.update(owner=bob)
    User.objects.filter(username="ada").update(is_active=False)
    answer = screen(made[1]).get(LOBBY)
    assert answer.status_code == 403
    assert "not active any more" in answer.text
    browser_of(bob).post(LIST, {"action": "take_over", "_selected_action": [made[0].pk]})
    assert screen(made[1]).get(LOBBY).status_code == 200


def test_the_display_of_a_deleted_wall_is_not_known(made: tuple[DisplayToken, str], wall: Wall) -> None:
    wall.delete()
    answer = screen(made[1]).get(LOBBY)
    assert answer.status_code == 403
    assert "This display is not known" in answer.text


def test_a_person_who_is_logged_in_is_no_display(made: tuple[DisplayToken, str], ada: User) -> None:
    client = browser_of(ada)
    client.cookies[displays.COOKIE] = made[1]
    assert "Log out" in client.get("/wall/lobby/").text
    assert uuid.UUID(client.get("/wall/lobby/").context["places"][0].id)

"""The cards of a user: their own order, and groups."""

import json
import re
import uuid

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from cameras.models import Camera, CameraGroup, CardOrder
from cameras.permissions import VIEWERS

pytestmark = pytest.mark.django_db

ORDER = "/cards/order/"


@pytest.fixture(autouse=True)
def cameras() -> None:
    for name in ("Gate", "Hall", "Yard"):
        Camera.objects.create(name=name, stream_url="rtsp://camera/live")


def enter(client: Client, name: str = "ada", *groups: str) -> Client:
    user = User.objects.create_user(name)
    user.groups.set(Group.objects.filter(name__in=groups or (VIEWERS,)))
    client.force_login(user)
    return client


def ids(*names: str) -> str:
    return ",".join(str(Camera.objects.get(name=name).pk) for name in names)


def shown(client: Client) -> list[str]:
    return re.findall(r'<li class="card"[^>]*data-name="([^"]*)"', client.get("/").text)


def save(client: Client, cameras: str) -> int:
    return client.post(ORDER, {"cameras": cameras}).status_code


def test_an_order_is_one_user_s_own_and_is_kept(client: Client) -> None:
    enter(client)
    assert shown(client) == ["Gate", "Hall", "Yard"]
    assert save(client, ids("Yard", "Gate", "Hall")) == 200
    assert shown(client) == ["Yard", "Gate", "Hall"]
    assert shown(enter(Client(), "ben")) == ["Gate", "Hall", "Yard"]


def test_new_cameras_come_after_the_ordered_ones_by_name_and_deleted_ones_leave_no_gap(client: Client) -> None:
    enter(client)
    save(client, ids("Yard", "Hall"))
    Camera.objects.create(name="Attic")
    Camera.objects.get(name="Hall").delete()
    assert shown(client) == ["Yard", "Attic", "Gate"]


def test_an_empty_order_is_the_one_by_name(client: Client) -> None:
    enter(client)
    save(client, ids("Yard"))
    assert save(client, "") == 200
    assert shown(client) == ["Gate", "Hall", "Yard"]
    assert not CardOrder.objects.exists()


@pytest.mark.parametrize("wrong", ["x", "1,2", "YARD,", ",", "TWICE"])
def test_what_is_no_order_is_refused_with_the_reason_and_the_stored_one_stays(client: Client, wrong: str) -> None:
    enter(client)
    save(client, ids("Yard", "Gate"))
    given = {"YARD,": ids("Yard") + ",", "TWICE": ids("Gate", "Gate")}.get(wrong, wrong)
    answer = client.post(ORDER, {"cameras": given})
    assert answer.status_code == 400
    assert "amera" in answer.json()["errors"]["cameras"][0]
    assert shown(client) == ["Yard", "Gate", "Hall"]


def test_ids_of_unknown_cameras_are_left_out(client: Client) -> None:
    enter(client)
    assert save(client, f"{uuid.uuid4()},{ids('Yard')}") == 200
    assert CardOrder.objects.get().cameras == [ids("Yard")]


def test_only_those_who_may_watch_have_an_order(client: Client) -> None:
    assert client.post(ORDER).status_code == 302  # to the log-in
    enter(client, "eve", "nothing")
    assert save(client, ids("Yard")) == 403
    assert client.get(ORDER).status_code == 405


def test_groups_that_have_a_camera_are_offered_with_their_members(client: Client) -> None:
    house, _ = CameraGroup.objects.create(name="House <1>"), CameraGroup.objects.create(name="Empty")
    house.cameras.set(Camera.objects.filter(name__in=["Gate", "Yard"]))
    page = enter(client).get("/").text
    (given,) = json.loads(re.findall(r'id="given-groups"[^>]*>(.*?)</script>', page)[0])
    assert (given["id"], given["name"]) == (house.pk, "House <1>")
    assert set(given["cameras"]) == set(ids("Gate", "Yard").split(","))
    assert f'<option value="{house.pk}">House &lt;1&gt;</option>' in page
    assert "Empty" not in page


def test_a_single_camera_has_no_tools(client: Client) -> None:
    Camera.objects.exclude(name="Yard").delete()
    assert "data-card-tools" not in enter(client).get("/").text


def test_the_page_of_many_cameras_takes_no_query_per_camera(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    Camera.objects.bulk_create(Camera(name=f"More {number}", stream_url="rtsp://camera/x") for number in range(200))
    CameraGroup.objects.create(name="All").cameras.set(Camera.objects.all())
    enter(client)
    with django_assert_max_num_queries(9):
        assert len(shown(client)) == 203

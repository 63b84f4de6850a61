"""Cameras in the JSON API."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from hypothesis import given
from hypothesis import strategies as st

from cameras.models import Camera, validate_stream_url
from cameras.sources import PATTERN
from tests.cameras.api_client import CAMERAS, CSV, PASSWORD, URL, Api, error, refusal

pytestmark = pytest.mark.django_db


# Reading.


def test_a_camera_is_read_without_its_password(api: Api, camera: Camera) -> None:
    response = api("GET", f"{CAMERAS}/{camera.pk}")
    assert json.loads(response.content) == {
        "id": str(camera.pk),
        "name": "Yard",
        "stream_url": URL,
        "substream_url": "",
        "username": "operator",
        "has_password": True,
        "enabled": True,
    }
    assert all(PASSWORD.encode() not in api("GET", path).content for path in (CAMERAS, f"{CAMERAS}/export"))


def test_a_list_is_returned_in_parts(api: Api) -> None:
    Camera.objects.bulk_create(Camera(name=f"{number:02}") for number in range(12))

    def page(query: str) -> tuple[list[str], int]:
        answer = json.loads(api("GET", f"{CAMERAS}{query}").content)
        return [item["name"] for item in answer["items"]], answer["count"]

    assert page("?limit=2&offset=3") == (["03", "04"], 12)
    assert page("?offset=11") == (["11"], 12)
    assert page("?offset=1000") == ([], 12)
    assert len(page("")[0]) == 12


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "limit=", "offset=-1", f"offset={2**70}"])
def test_a_part_outside_the_bounds_is_refused(api: Api, query: str) -> None:
    problem = error(api("GET", f"{CAMERAS}?{query}"))
    assert (problem["reason"], list(problem["fields"])) == ("invalid", [query.partition("=")[0]])


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_camera_that_is_not_there_is_not_found(api: Api, method: str) -> None:
    assert refusal(api(method, f"{CAMERAS}/{uuid4()}", {})) == (404, "camera_not_found")


# Creating.


def test_a_camera_is_created_and_the_response_has_its_location(api: Api) -> None:
    body = {"name": " Gate ", "stream_url": URL, "username": "u", "password": " p ", "enabled": False}
    response = api("POST", CAMERAS, body)
    assert response.status_code == 201
    camera = Camera.objects.get()
    assert response["Location"] == f"{CAMERAS}/{camera.pk}"
    assert json.loads(response.content)["name"] == "Gate"
    assert (camera.stream_url, camera.username, camera.password, camera.enabled) == (URL, "u", " p ", False)


WRONG = [
    ({}, "name"),
    ({"name": ""}, "name"),
    ({"name": "  "}, "name"),
    *(({"name": f"a{unseen}b"}, "name") for unseen in "\0\n\t\x1b\x85\u2028\u202e\u2067"),
    ({"name": "x" * 101}, "name"),
    ({"name": None}, "name"),
    ({"name": "Gate", "enabled": "true"}, "enabled"),
    ({"name": "Gate", "pasword": "typo"}, "pasword"),
    ({"name": "Gate", "stream_url": "file:///etc/passwd"}, "stream_url"),
    ({"name": "Gate", "stream_url": "rtsp://user:typed-s3cret@camera/live"}, "stream_url"),
    ({"name": "Gate", "stream_url": "rtsp://camera:99999/"}, "stream_url"),
    ({"name": "Gate", "substream_url": "rtsp://user:typed-s3cret@camera/live"}, "substream_url"),
    ({"name": "Gate", "substream_url": "rtsp://169.254.169.254/live"}, "substream_url"),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_the_api_reports_the_forms_errors_by_field(api: Api, body: dict[str, Any], field: str) -> None:
    response = api("POST", CAMERAS, body)
    problem = error(response)
    assert (response.status_code, problem["reason"], list(problem["fields"])) == (422, "invalid", [field])
    assert b"typed-s3cret" not in response.content
    assert not Camera.objects.exists()


@pytest.mark.parametrize(("body", "status"), [("{", 400), ("\xff", 400), ("[]", 422), ("null", 422), ("", 422)])
def test_a_body_that_is_not_an_object_is_refused(api: Api, body: str, status: int) -> None:
    response = api("POST", CAMERAS, body)
    assert response.status_code == status
    assert error(response)


def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    assert refusal(api("POST", CAMERAS, {"name": "x" * 3_000_000})) == (413, "too_large")


@given(st.from_regex(PATTERN.removesuffix("$") + r"\Z"))
def test_an_address_of_the_described_pattern_is_accepted(address: str) -> None:
    validate_stream_url(address)


# Changing.


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("Yard", URL, "operator", PASSWORD, True)),
        ({"name": "Gate"}, ("Gate", URL, "operator", PASSWORD, True)),
        ({"enabled": False}, ("Yard", URL, "operator", PASSWORD, False)),
        ({"username": ""}, ("Yard", URL, "", PASSWORD, True)),
        ({"password": "new"}, ("Yard", URL, "operator", "new", True)),
        ({"password": ""}, ("Yard", URL, "operator", "", True)),
        ({"stream_url": "rtsp://camera:554/x"}, ("Yard", "rtsp://camera:554/x", "operator", PASSWORD, True)),
        ({"stream_url": ""}, ("Yard", "", "operator", PASSWORD, True)),
        ({"stream_url": "rtsp://b/", "password": "new"}, ("Yard", "rtsp://b/", "operator", "new", True)),
        ({"stream_url": "rtsp://b/", "password": ""}, ("Yard", "rtsp://b/", "operator", "", True)),
    ],
)
def test_a_change_changes_only_the_given_fields(
    api: Api, camera: Camera, body: dict[str, Any], expected: tuple[object, ...]
) -> None:
    response = api("PATCH", f"{CAMERAS}/{camera.pk}", body)
    assert response.status_code == 200
    kept = Camera.objects.get()
    assert (kept.name, kept.stream_url, kept.username, kept.password, kept.enabled) == expected
    assert json.loads(response.content)["has_password"] is bool(expected[3])


def test_a_disabled_camera_stays_disabled_when_another_field_changes(api: Api, camera: Camera) -> None:
    Camera.objects.update(enabled=False)
    api("PATCH", f"{CAMERAS}/{camera.pk}", {"name": "Gate"})
    assert not Camera.objects.get().enabled


def test_a_stored_password_is_not_sent_to_another_host(api: Api, camera: Camera) -> None:
    response = api("PATCH", f"{CAMERAS}/{camera.pk}", {"stream_url": "rtsp://evil/live"})
    assert refusal(response) == (409, "password_needed")
    assert Camera.objects.get().stream_url == URL


def test_a_substream_is_added_changed_and_removed(api: Api, camera: Camera) -> None:
    path, substream = f"{CAMERAS}/{camera.pk}", "rtsp://camera:554/sub"
    assert json.loads(api("PATCH", path, {"substream_url": substream}).content)["substream_url"] == substream
    api("PATCH", path, {"name": "Gate"})
    stored = Camera.objects.get().substream
    assert stored is not None
    assert (stored.url, stored.username, stored.password) == (substream, "operator", PASSWORD)
    assert refusal(api("PATCH", path, {"substream_url": "rtsp://evil/sub"})) == (409, "password_needed")
    assert api("PATCH", path, {"substream_url": ""}).status_code == 200
    assert Camera.objects.get().substream is None


@pytest.mark.parametrize(
    ("body", "field"),
    [*WRONG[1:], ({"enabled": None}, "enabled"), ({"password": None}, "password"), ({"id": "x"}, "id")],
)
def test_a_wrong_change_changes_nothing(api: Api, camera: Camera, body: dict[str, Any], field: str) -> None:
    response = api("PATCH", f"{CAMERAS}/{camera.pk}", body)
    assert response.status_code == 422
    assert list(error(response)["fields"]) == [field]
    assert Camera.objects.get().name == "Yard"


def test_the_administrations_history_has_user_and_action_and_no_password(api: Api, camera: Camera) -> None:
    api("PATCH", f"{CAMERAS}/{camera.pk}", {"password": "brand new", "name": "Gate"})
    api("POST", CAMERAS, {"name": "Door"})
    api("POST", f"{CAMERAS}/import", "name,enabled\nDoor,false\nHall,\n", "text/csv")
    api("POST", f"{CAMERAS}/import?dry_run=true", "name\nRoof\n", "text/csv")
    api("DELETE", f"{CAMERAS}/{camera.pk}")
    log = LogEntry.objects.order_by("id").values_list("user", "object_repr", "action_flag", "change_message")
    assert list(log) == [
        (api.user.pk, "Gate", 2, "By the API: name, password."),
        (api.user.pk, "Door", 1, "By the API."),
        (api.user.pk, "Hall", 1, "By the API."),
        (api.user.pk, "Door", 2, "By the API."),
        (api.user.pk, "Gate", 3, "By the API."),
    ]


# Files.


def test_a_file_is_imported_and_exported(api: Api, camera: Camera) -> None:
    response = api("POST", f"{CAMERAS}/import", CSV, "text/csv; charset=utf-8")
    assert json.loads(response.content) == {"created": 1, "changed": 0, "unchanged": 0, "dry_run": False}
    response = api("GET", f"{CAMERAS}/export")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="cameras.csv"'
    assert response.content.decode().splitlines() == [
        "name,stream_url,username,password,enabled,substream_url",
        "Gate,,,,true,",
        f"Yard,{URL},operator,,true,",
    ]


def test_the_errors_of_a_file_name_their_rows(api: Api) -> None:
    response = api("POST", f"{CAMERAS}/import", "name,enabled\nGate,\n,\nYard,perhaps\n", "text/csv")
    problem = error(response)
    assert (response.status_code, problem["reason"]) == (422, "invalid")
    assert problem["rows"] == [{"row": 4, "field": "enabled", "message": "Enter true or false."}]
    assert not Camera.objects.exists()


def test_a_dry_run_does_nothing(api: Api) -> None:
    response = api("POST", f"{CAMERAS}/import?dry_run=true", CSV, "text/csv")
    assert json.loads(response.content) == {"created": 1, "changed": 0, "unchanged": 0, "dry_run": True}
    assert not Camera.objects.exists()


def test_a_file_must_be_csv_of_at_most_a_megabyte(api: Api) -> None:
    path = f"{CAMERAS}/import"
    assert refusal(api("POST", path, CSV)) == (415, "unsupported_media_type")
    assert refusal(api("POST", path, "name\n" + "x" * 1_000_000, "text/csv")) == (413, "too_large")
    assert refusal(api("POST", path, b"\xff" * 9_000_000, "text/csv")) == (413, "too_large")
    assert refusal(api("POST", f"{path}?dry_run=perhaps", CSV, "text/csv")) == (422, "invalid")

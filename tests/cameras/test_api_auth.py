"""Access to the JSON API, by the example of its operations on cameras."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from cameras.models import Camera
from tests.cameras.api_client import CAMERAS, CSV, Api, refusal

pytestmark = pytest.mark.django_db

OPERATIONS: dict[str, tuple[set[str], Callable[[Api, Camera], Any], int]] = {
    "list": ({"view"}, lambda api, camera: api("GET", CAMERAS), 200),
    "read": ({"view"}, lambda api, camera: api("GET", f"{CAMERAS}/{camera.pk}"), 200),
    "export": ({"view"}, lambda api, camera: api("GET", f"{CAMERAS}/export"), 200),
    "create": ({"add"}, lambda api, camera: api("POST", CAMERAS, {"name": "Gate"}), 201),
    "change": ({"change"}, lambda api, camera: api("PATCH", f"{CAMERAS}/{camera.pk}", {"name": "Gate"}), 200),
    "delete": ({"delete"}, lambda api, camera: api("DELETE", f"{CAMERAS}/{camera.pk}"), 204),
    "import": ({"add", "change"}, lambda api, camera: api("POST", f"{CAMERAS}/import", CSV, "text/csv"), 200),
}
ALL = {"view", "add", "change", "delete"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_needs_its_permissions_and_no_other(camera: Camera, name: str) -> None:
    needed, call, status = OPERATIONS[name]
    for missing in needed:
        api = Api(*(f"cameras.{action}_camera" for action in ALL - {missing}))
        before = list(Camera.objects.values())
        assert refusal(call(api, camera)) == (403, "permission_denied")
        assert list(Camera.objects.values()) == before
    assert call(Api(*(f"cameras.{action}_camera" for action in needed)), camera).status_code == status


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("header", [None, "Bearer nvr_wrong", "Bearer", "Basic dTpw", "nvr_wrong"])
def test_a_request_without_a_valid_token_changes_nothing(camera: Camera, name: str, header: str | None) -> None:
    api = Api()
    api.client = Client(headers={"Authorization": header} if header else {})
    before = list(Camera.objects.values())
    response = OPERATIONS[name][1](api, camera)
    assert refusal(response) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"
    assert list(Camera.objects.values()) == before


def test_a_user_without_permission_does_not_learn_which_requests_are_valid() -> None:
    assert Api()("POST", CAMERAS, "no json").status_code == 403
    assert Api()("PATCH", f"{CAMERAS}/{uuid4()}", {}).status_code == 403


def test_a_session_works_too_and_needs_a_csrf_token_to_change_something(camera: Camera) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(Api("cameras.view_camera", "cameras.delete_camera").user)
    path = f"{CAMERAS}/{camera.pk}"
    assert client.get(path).status_code == 200
    assert refusal(client.delete(path)) == (403, "permission_denied")
    assert Camera.objects.exists()
    client.get("/accounts/login/?next=/")
    client.cookies["csrftoken"] = "x" * 32
    assert client.delete(path, headers={"X-CSRFToken": "x" * 32}).status_code == 204


def test_an_invalid_token_is_refused_even_with_a_valid_session(camera: Camera) -> None:
    api = Api("cameras.view_camera")
    client = Client(headers={"Authorization": "Bearer nvr_wrong"})
    client.force_login(api.user)
    assert client.get(CAMERAS).status_code == 401

"""The JSON API as a whole: its description, access to it, and the shape of errors."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cameras import tokens
from nvr.api import api
from tests.servers import ROOT

DESCRIPTION, PAGES = "/api/v1/openapi.json", "/api/v1/docs"


@pytest.fixture
def schema() -> Any:
    return json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))


def operations(schema: Any) -> list[tuple[str, Any]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


# Access.


@pytest.mark.django_db
def test_the_description_is_for_staff_and_for_programs_with_a_token(client: Client) -> None:
    assert client.get(DESCRIPTION).status_code == 401
    assert client.get(PAGES)["Location"] == f"/accounts/login/?next={PAGES}"
    viewer, staff = User.objects.create_user("viewer"), User.objects.create_user("staff", is_staff=True)
    client.force_login(viewer)
    assert [client.get(path).status_code for path in (DESCRIPTION, PAGES)] == [403, 403]
    client.force_login(staff)
    assert [client.get(path).status_code for path in (DESCRIPTION, PAGES)] == [200, 200]
    bearer = Client(headers={"Authorization": f"Bearer {tokens.issue(viewer, 'generator')}"})
    assert bearer.get(DESCRIPTION).json()["openapi"].startswith("3.1")
    assert Client(headers={"Authorization": "Bearer nvr_wrong"}).get(DESCRIPTION).status_code == 401


@pytest.mark.django_db
def test_the_pages_of_the_description_come_from_this_server_alone(admin_client: Client) -> None:
    page = admin_client.get(PAGES)
    assert "//" not in page.text.replace("/**", "").replace('"url": "/', "")
    assert page["Content-Security-Policy"]


# Content.


def test_every_operation_has_its_own_id_and_a_tag(schema: Any) -> None:
    names = [operation["operationId"] for _, operation in operations(schema)]
    assert len(set(names)) == len(names) > 20
    assert all(operation["tags"] and operation["summary"] for _, operation in operations(schema))


def test_every_operation_requires_a_log_in_and_describes_the_error_without_it(schema: Any) -> None:
    for name, operation in operations(schema):
        assert operation["security"] == [{"Bearer": []}, {"Session": []}], name
        assert {"401", "403"} <= set(operation["responses"]), name


def test_every_error_has_one_shape(schema: Any) -> None:
    for name, operation in operations(schema):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                reference = answer["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
                described = schema["components"]["schemas"][reference]
                assert described["required"] == ["error"], (name, status)


def test_operations_with_a_body_describe_the_errors_of_a_wrong_and_a_large_body(schema: Any) -> None:
    for name, operation in operations(schema):
        if "requestBody" in operation:
            responses = set(operation["responses"])
            assert "413" in responses, name
            assert responses & {"400", "422"}, name


def test_every_operation_is_in_the_documentation(schema: Any) -> None:
    text = Path(ROOT / "docs" / "api.md").read_text()
    missing = [name for name, _ in operations(schema) if name.replace("/api/v1", "") not in text]
    assert not missing


# Errors.


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["", "cameras/", "cameras/x", "cameras/x/stop", "nothing/at/all", "streams/a/b/c", "cameras/%0A"]
)
def test_an_unknown_path_is_404_in_the_shape_of_errors(client: Client, path: str) -> None:
    response = client.post(f"/api/v1/{path or 'x'}", "{}", content_type="application/json")
    assert (response.status_code, response.json()["error"]["reason"]) == (404, "not_found")


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "allowed"), [("cameras", {"GET", "POST"}), ("cameras/export", {"GET"})])
def test_a_method_that_a_path_does_not_have_is_405_in_the_shape_of_errors(
    client: Client, path: str, allowed: set[str]
) -> None:
    response = client.delete(f"/api/v1/{path}")
    assert (response.status_code, response.json()["error"]["reason"]) == (405, "method_not_allowed")
    assert set(response["Allow"].split(", ")) == allowed


async def test_asynchronous_operations_answer_in_the_same_way(async_client: Any) -> None:
    response = await async_client.put("/api/v1/streams")
    assert (response.status_code, response.json()["error"]["reason"], response["Allow"]) == (
        405, "method_not_allowed", "GET",
    )  # fmt: skip

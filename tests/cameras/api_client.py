"""A client of the JSON API, for tests."""

import json
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Permission, User
from django.test import Client

from cameras import tokens

CAMERAS = "/api/v1/cameras"
PASSWORD = "kept s3cret"
URL = "rtsp://camera:554/live"
CSV = "name\r\nGate\r\n"


class Api:
    """Sends requests with the token of a new user who has these permissions."""

    def __init__(self, *permissions: str) -> None:
        self.user = User.objects.create_user(str(uuid4()))
        for name in permissions:
            app, codename = name.split(".")
            self.user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        self.client = Client(headers={"Authorization": f"Bearer {tokens.issue(self.user, 'test')}"})

    def __call__(self, method: str, path: str, body: Any = None, type: str = "application/json") -> Any:
        data = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
        return self.client.generic(method, path, data, content_type=type)


def error(response: Any) -> Any:
    assert response["Content-Type"] == "application/json"
    answer = json.loads(response.content)
    assert list(answer) == ["error"]
    assert answer["error"]["message"]
    return answer["error"]


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, error(response)["reason"]

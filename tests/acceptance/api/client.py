"""A client of the JSON API, and the users of the tests of the API."""

import http.client
import json
from typing import Any

# User -> permissions. They are staff, except the last.
PEOPLE = {
    "sees": ("streaming.view_system",),
    "stops": ("streaming.stop_stream",),
    "changes": ("streaming.change_limits",),
    "adds": ("cameras.add_camera",),
    "edits": ("cameras.change_camera",),
    "nothing": (),
    # Not staff:
    "stranger": ("streaming.view_system", "streaming.stop_stream", "streaming.change_limits"),
}
MAKE = f"""
from django.contrib.auth.models import Permission, User
from cameras import tokens
for name, permissions in {PEOPLE!r}.items():
    user = User.objects.create_user(name, is_staff=name != "stranger")
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
for user in User.objects.all():
    print(user.username, tokens.issue(user, "test"))
"""
LIMITS = {
    "max_concurrent": 10,
    "max_mbps": 0.0,
    "max_per_camera": 0,
    "max_per_user": 0,
    "max_per_address": 1000,
    "reserved_slots": 0,
    "reserved_group": None,
}
LOG = """
from django.contrib.admin.models import LogEntry
for entry in LogEntry.objects.select_related("user"):
    print(f"{entry.user}: {entry.change_message}")
"""


class Api:
    """Sends requests to a worker with the token of one user."""

    def __init__(self, base: str, token: str) -> None:
        self.host, self.token = base.removeprefix("http://"), token

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.host, timeout=20)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            data = response.read()
            return response.status, json.loads(data) if data else None
        finally:
            connection.close()

"""Which permission each operation of the API needs, and what it answers without Redis."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.api.client import LIMITS, MAKE, PEOPLE, Api
from tests.servers import RedisServer, Site, site

OPERATIONS = [
    ("sees", "GET", "/streams", None, 200),
    ("sees", "GET", "/line", None, 200),
    ("sees", "GET", "/limits", None, 200),
    ("sees", "GET", "/limits/trial", None, 200),
    ("sees", "GET", "/limits/preview?max_concurrent=3", None, 200),
    ("sees", "GET", "/history", None, 200),
    ("sees", "GET", "/refusals", None, 200),
    ("stops", "DELETE", "/streams/none", None, 404),
    ("stops", "POST", "/streams/none/stop", {}, 404),
    ("stops", "POST", "/cameras/{camera}/stop", {}, 200),
    ("stops", "POST", "/line/none/front", None, 404),
    ("stops", "POST", "/line/none/remove", {}, 404),
    ("stops", "GET", "/blocks", None, 200),
    ("stops", "DELETE", "/blocks/none", None, 404),
    ("changes", "PATCH", "/limits", {}, 200),
    ("changes", "PUT", "/limits", dict.fromkeys(LIMITS), 200),
    ("changes", "PATCH", "/limits/trial", {}, 200),
    ("changes", "PUT", "/limits/trial", dict.fromkeys(LIMITS), 200),
    ("changes", "DELETE", "/limits/trial", None, 200),
    ("adds", "POST", "/cameras/test", {"stream_url": "rtsp://127.0.0.1:1/"}, 200),
    ("edits", "POST", "/cameras/{camera}/test", None, 200),
]


@pytest.mark.parametrize(("who", "method", "path", "body", "status"), OPERATIONS)
def test_an_operation_needs_its_permission(
    installation: Site, people: dict[str, Api], who: str, method: str, path: str, body: Any, status: int
) -> None:
    path = path.format(camera=installation.add_camera("Dead", "rtsp://127.0.0.1:1/"))
    for name in {*PEOPLE} - {who}:
        answer = people[name](method, path, body)
        assert (answer[0], answer[1]["error"]["reason"]) == (403, "permission_denied"), name
    assert Api(people[who].host, "nvr_wrong")(method, path, body)[0] == 401
    answer = people[who](method, path, body)
    assert answer[0] == status, answer


def test_without_redis_streams_are_unavailable_and_cameras_are_not(tmp_path: Path, template: Path) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    with site(tmp_path, template) as created, RedisServer(folder) as redis:
        worker = created.start_worker(REDIS_URL=redis.url)
        lines = created.manage("shell", "-v0", "-c", MAKE).splitlines()
        admin = Api(worker.base, next(line.split(" ")[1] for line in lines if line.startswith("admin ")))
        redis.kill()
        for method, path, body in (
            ("GET", "/streams", None),
            ("DELETE", "/streams/x", None),
            ("POST", "/streams/x/stop", {}),
            ("GET", "/line", None),
            ("POST", "/line/x/front", None),
            ("POST", "/line/x/remove", {}),
            ("GET", "/blocks", None),
            ("DELETE", "/blocks/1", None),
        ):
            status, answer = admin(method, path, body)
            assert (status, answer["error"]["reason"]) == (503, "gate_unavailable")
        assert admin("GET", "/limits")[1]["usage"]["state"] == "unavailable"
        assert admin("GET", "/cameras")[0] == 200

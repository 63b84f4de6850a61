"""The container files, checked without Docker."""

import re
from typing import Any

import pytest
import yaml

from cameras.management.commands.cluster import DEPLOY
from streaming import conf

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = [name for name in SERVICES if name.startswith("worker-")]
# Settings that these files read: the first argument of a function that reads the environment.
READERS = [DEPLOY.parent / "nvr" / name for name in ("settings.py", "sign_in_settings.py", "accounts_settings.py")]
SETTINGS = {setting.name for setting in conf.ALL} | {
    name for path in READERS for name in re.findall(r'\w\("([A-Z][A-Z_]+)"', path.read_text())
}


def test_the_image_has_all_packages_that_the_product_imports() -> None:
    copied = set(re.findall(r"^COPY (.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.M))
    names = {word for line in copied for word in line.split()}
    root = DEPLOY.parent
    packages = {path.parent.name for path in root.glob("*/__init__.py")} - {"tests", "bench"}
    assert packages | {"manage.py", "templates", "requirements.lock"} <= names
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert {f"!{name}" for name in names} <= set(kept)


def test_compose_has_a_worker_for_each_server_line_of_nginx() -> None:
    compose, site = (DEPLOY / "compose.yaml").read_text(), (DEPLOY / "nginx.conf").read_text()
    started = re.findall(r"command: \[deploy/worker, (\S+)\]", compose)
    asked = re.findall(r"deploy/ready\.py, (\S+), /healthz\]", compose)
    assert started == asked == re.findall(r"server unix:(\S+) ", site)


@pytest.mark.parametrize("service", [*WORKERS, "migrate"])
def test_compose_passes_every_setting(service: str) -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (DEPLOY.parent / "README.md").read_text(), re.M))
    assert set(SERVICES[service]["environment"]) == SETTINGS == documented


def test_a_passed_setting_has_the_same_name_and_the_products_default() -> None:
    made_here = {"REDIS_URL", "PICTURES_REDIS_URL", "DATABASE_URL", "NVR_VAR_DIR"}
    for name, value in SERVICES["worker-0"]["environment"].items():
        if name not in made_here:
            assert value in (f"${{{name}:-}}", f"${{{name}:?set it in .env}}")


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_limits_for_memory_processors_and_processes(service: str) -> None:
    limits = SERVICES[service]
    assert re.fullmatch(r"\d+[mg]", limits["mem_limit"])
    assert limits["cpus"] > 0 and limits["pids_limit"] > 0


def test_redis_and_the_database_are_on_a_network_with_workers_only() -> None:
    members = {
        name: {service for service in SERVICES if name in SERVICES[service]["networks"]} for name in COMPOSE["networks"]
    }
    assert members["backend"] == {"redis", "redis-pictures", "postgres", "migrate", *WORKERS}
    assert members["cameras"] == set(WORKERS)
    assert members["site"] == {"nginx"}
    assert COMPOSE["networks"]["backend"] == {"internal": True}
    assert [service for service in SERVICES if "ports" in SERVICES[service]] == ["nginx"]
    assert not [service for service in SERVICES if "network_mode" in SERVICES[service]]


def test_redis_and_workers_have_the_same_password() -> None:
    password = "${REDIS_PASSWORD:?set it in .env}"
    for name, setting in (("redis", "REDIS_URL"), ("redis-pictures", "PICTURES_REDIS_URL")):
        redis = SERVICES[name]
        assert redis["command"][redis["command"].index("--requirepass") + 1] == password
        assert redis["environment"]["REDISCLI_AUTH"] == password
        assert SERVICES["worker-0"]["environment"][setting] == f"redis://:{password}@{name}:6379/0"


def test_images_are_pinned_by_digest() -> None:
    images = {service["image"] for service in SERVICES.values()} - {"nvr-live"}
    images |= set(re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.M))
    assert len(images) == 4
    assert [image for image in images if not re.fullmatch(r"[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}", image)] == []

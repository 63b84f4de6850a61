"""The product's settings for tests in this process: without the machine's `.env`, and with a temporary folder."""

import atexit
import os
import tempfile
from pathlib import Path

from tests.folders import remove

_folder = tempfile.mkdtemp(prefix="nvr-tests-")
atexit.register(remove, Path(_folder))
for _name in (
    "DATABASE_URL",
    "REDIS_URL",
    "PICTURES_REDIS_URL",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "FRAME_ANCESTORS",
    "DEBUG",
    "HTTPS",
    "HSTS",
    "SECOND_FACTOR",
    "API_TOKENS_END_WITH_PASSWORD",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "CAMERA_KEY",
    "METRICS_TOKEN",
    "LOG_FORMAT",
    *(name for name in os.environ if name.startswith(("STREAM_", "PROXY_USER_", "OIDC_"))),
):
    os.environ[_name] = ""  # an empty variable means the default and comes before `.env`
os.environ["NVR_VAR_DIR"] = _folder
os.environ["NVR_WORKER_SETTINGS"] = "tests.worker_settings"  # what `tests/servers.py` starts workers with
os.environ["DATABASE_URL"] = os.environ.get("NVR_TEST_DATABASE_URL", "")  # set by tests/test_on_postgresql.py

from nvr.settings import *  # noqa: E402, F403

MIDDLEWARE = [name for name in MIDDLEWARE if "ServeStatic" not in name]  # noqa: F405 - it lists all files for each client
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

"""The settings of tests' workers, for one that gives a request NVR_TEST_REQUEST_SECONDS instead of thirty."""

import os

from nvr import requests
from tests.worker_settings import *  # noqa: F403

requests.TIMEOUT = int(os.environ["NVR_TEST_REQUEST_SECONDS"])

"""Closes database connections of HTTP requests. Under ASGI, each request has a thread of its own, which no later
request uses: Django would leave the connection open there for CONN_MAX_AGE seconds and longer.
"""

from django.core.signals import request_finished
from django.db import connections


def _close(**_: object) -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:  # a test's transaction
            connection.close()


def install() -> None:
    """Make each HTTP request close its thread's connections when it ends."""
    request_finished.connect(_close)

"""Timeouts for a server that accepts connections and does not answer: `CONNECT` and `STATEMENT` of nvr/deadlines.py.

PostgreSQL's own timeouts do not help: a hanging server ends no statement, and its kernel still answers TCP. After a
timeout the connection is closed. Then, for `PAUSE` seconds, new connections fail at once. After that, one thread tries
to connect while the others fail, so that a hanging server does not block all threads.
"""

import threading
import time
from typing import Any, Self

import psycopg
from django.db.backends.postgresql import base

from nvr.deadlines import CONNECT, PAUSE, STATEMENT, limited


class Outage:
    """Remembers whether the database server hangs, as this process last saw it. New connections fail at once then, in
    processes that serve requests.
    """

    def __init__(self) -> None:
        self._until = 0.0  # time.monotonic() until which connections fail; 0: the server answers
        self._connecting = threading.Lock()

    def begin(self) -> None:
        """Let new connections fail for `PAUSE` seconds, because the server has not answered in time."""
        self._until = time.monotonic() + PAUSE

    def connect(self, *arguments: Any, **options: Any) -> "BoundedConnection":
        """Connect with psycopg's `arguments` and `options`; a timeout calls `begin`. In a process that serves requests,
        raises psycopg.OperationalError at once for `PAUSE` seconds after a timeout, and after that while another thread
        tries to connect. Errors of psycopg are passed on.
        """
        if not self._until or not limited.is_set():
            return BoundedConnection.connect(*arguments, **options)
        if time.monotonic() < self._until or not self._connecting.acquire(blocking=False):
            raise psycopg.OperationalError("The database did not answer a moment ago.")
        try:
            connection = BoundedConnection.connect(*arguments, **options)
            self._until = 0.0
            return connection
        finally:
            self._connecting.release()


outage = Outage()


class BoundedConnection(psycopg.Connection[Any]):
    @classmethod
    def connect(cls, *arguments: Any, **options: Any) -> Self:
        try:
            return super().connect(*arguments, **options)
        except psycopg.errors.ConnectionTimeout:
            outage.begin()
            raise

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Run psycopg's `wait`. In a process that serves requests, and without a `timeout` of the caller, wait
        `STATEMENT` seconds at most, then close the connection, call `outage.begin` and raise OperationalError.
        """
        if timeout is not None or not limited.is_set():
            return super().wait(gen, interval, timeout)
        ends_at = time.monotonic() + STATEMENT
        try:
            return super().wait(gen, interval, STATEMENT)
        except psycopg.OperationalError as error:
            if time.monotonic() < ends_at:
                raise
            self.close()  # otherwise, a rollback or close would wait again
            outage.begin()
            raise psycopg.OperationalError(f"The database did not answer within {STATEMENT} s.") from error


class Driver:
    """Stands in for the module psycopg in Django's backend, with a `connect` that has timeouts."""

    connect = staticmethod(outage.connect)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    Database = Driver()  # type: ignore[assignment]

    def get_connection_params(self) -> dict[str, Any]:
        return {"connect_timeout": CONNECT, **super().get_connection_params()}

    def init_connection_state(self) -> None:
        """In a process that serves requests, set the server's `statement_timeout` 10% below `STATEMENT`. So a slow
        server ends a statement itself, before the timeout of this module closes the connection.
        """
        super().init_connection_state()
        if limited.is_set():
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET statement_timeout = {round(STATEMENT * 900)}")

"""A server that accepts and never answers keeps nobody for longer than `CONNECT` or `SILENCE`.

PostgreSQL's own time-outs do not help: the one of a statement is kept by the server that hangs, those of TCP by a kernel
that still answers. A connection that was waited for in vain is closed. For a moment after that, nobody waits again: one
tries, the others are told at once, so that a server that hangs does not collect threads.
"""

import threading
import time
from typing import Any, Self

import psycopg
from django.db.backends.postgresql import base

from nvr.deadlines import CONNECT, LEFT_ALONE, SILENCE, limited


class Outage:
    """Whether the server hangs, as far as this process knows."""

    def __init__(self) -> None:
        self._until = 0.0  # time.monotonic() before which nobody asks; 0: it answers
        self._one = threading.Lock()

    def begin(self) -> None:
        self._until = time.monotonic() + LEFT_ALONE

    def connect(self, *arguments: Any, **options: Any) -> "BoundedConnection":
        if not self._until or not limited.is_set():
            return BoundedConnection.connect(*arguments, **options)
        if time.monotonic() < self._until or not self._one.acquire(blocking=False):
            raise psycopg.OperationalError("The database did not answer a moment ago.")
        try:
            connection = BoundedConnection.connect(*arguments, **options)
            self._until = 0.0
            return connection
        finally:
            self._one.release()


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
        """As psycopg's, and no longer than `SILENCE`."""
        if timeout is not None or not limited.is_set():
            return super().wait(gen, interval, timeout)
        ends_at = time.monotonic() + SILENCE
        try:
            return super().wait(gen, interval, SILENCE)
        except psycopg.OperationalError as error:
            if time.monotonic() < ends_at:
                raise
            self.close()  # else whoever rolls back or closes would wait again
            outage.begin()
            raise psycopg.OperationalError(f"The database did not answer within {SILENCE} s.") from error


class Driver:
    """psycopg as Django's backend sees it."""

    connect = staticmethod(outage.connect)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    Database = Driver()  # type: ignore[assignment]

    def get_connection_params(self) -> dict[str, Any]:
        return {"connect_timeout": CONNECT, **super().get_connection_params()}

    def init_connection_state(self) -> None:
        """A server that is merely slow ends a statement itself, before it is left here."""
        super().init_connection_state()
        if limited.is_set():
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET statement_timeout = {round(SILENCE * 900)}")

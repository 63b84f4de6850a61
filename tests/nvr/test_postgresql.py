"""The PostgreSQL backend with a real server that hangs or is slow."""

import time
from collections.abc import Iterator
from typing import Any

import environ
import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from nvr.deadlines import PAUSE, STATEMENT, limited
from nvr.postgresql.base import outage
from tests.postgresql import PostgresServer
from tests.servers import PATIENCE, wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture
def connection(server: PostgresServer, django_db_blocker: Any) -> Iterator[Any]:
    configuration = {**environ.Env.db_url_config(server.url), "ENGINE": "nvr.postgresql"}
    connection = ConnectionHandler({"default": configuration})["default"]
    limited.set()
    with django_db_blocker.unblock():
        yield connection
    limited.clear()
    connection.close()
    outage._until = 0.0


def seconds_of(connection: Any, statement: str = "SELECT 1") -> float:
    started = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except OperationalError:
        connection.close_if_unusable_or_obsolete()  # as Django does after a request
    return time.monotonic() - started


@pytest.mark.timing("measures when a statement and a connection time out")
def test_a_statement_on_a_hanging_server_times_out_and_the_next_ones_fail_at_once(
    server: PostgresServer, connection: Any
) -> None:
    seconds_of(connection)
    server.pause()
    try:
        assert STATEMENT <= seconds_of(connection) < STATEMENT + 0.5
        assert connection.connection is None
        assert seconds_of(connection) < 0.2
        time.sleep(PAUSE)
        assert 1.9 < seconds_of(connection) < 2.5  # one connection attempt
    finally:
        server.resume()
    with pytest.raises(OperationalError, match="a moment ago"):
        connection.ensure_connection()
    wait_until(lambda: seconds_of(connection) < 1 and connection.connection is not None, PATIENCE, "it answers again")


def test_the_server_ends_a_slow_statement_and_the_connection_stays(server: PostgresServer, connection: Any) -> None:
    with connection.cursor() as cursor, pytest.raises(OperationalError, match="statement timeout"):
        cursor.execute("SELECT pg_sleep(10)")
    assert connection.is_usable()


def test_without_limits_a_statement_can_take_long(server: PostgresServer, connection: Any) -> None:
    limited.clear()
    assert seconds_of(connection, f"SELECT pg_sleep({STATEMENT + 0.2})") > STATEMENT
    assert connection.is_usable()

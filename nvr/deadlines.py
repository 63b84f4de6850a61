"""Timeouts of the database. With them a page answers within five seconds, with 503 if the database hangs."""

import threading

CONNECT = 2  # seconds to connect
STATEMENT = 2.9  # seconds for one statement, while `limited` is set
PAUSE = 1.0  # after a timeout, seconds without a new attempt
LOCK = 4  # seconds to wait for a lock of SQLite

limited = threading.Event()  # set in processes that serve requests; migrations have no timeout

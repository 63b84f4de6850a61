"""How long the database may keep those who wait for it: a page answers within five seconds."""

import threading

CONNECT = 2  # seconds for connecting
SILENCE = 2.9  # seconds for the answer to one statement, while `limited`
LEFT_ALONE = 1.0  # seconds after a time-out in which nobody asks
LOCK = 4  # seconds for a lock of SQLite's

limited = threading.Event()  # set in what serves people; a migration may take its time

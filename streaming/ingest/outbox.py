"""The queue between the threads that read cameras and the thread that publishes their pictures in Redis."""

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

from streaming.ingest.shared_stream import Fields

MOST_WAITING = 8_000_000  # bytes in the queue, above which pictures are dropped

Sender = TypeVar("Sender")


@dataclass(frozen=True)
class Entry(Generic[Sender]):
    """A reader's message that waits for Redis."""

    relay: Sender
    keep: str  # the entries that stay in the stream: "from here" on, a "few", or "all"
    fields: Fields


class Outbox(Generic[Sender]):
    """A queue of entries without a limit of its own: callers check `is_full` before `put`."""

    def __init__(self) -> None:
        self._entries: list[Entry[Sender]] = []
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def is_full(self) -> bool:
        return self._bytes > MOST_WAITING

    def put(self, entry: Entry[Sender]) -> None:
        with self._changed:
            self._entries.append(entry)
            self._bytes += sum(map(len, entry.fields.values()))
            self._changed.notify()

    def take(self) -> list[Entry[Sender]]:
        """Wait for entries and return all of them, in order. Returns none once the outbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._entries or self._closed)
            entries, self._entries, self._bytes = self._entries, [], 0
            return entries

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

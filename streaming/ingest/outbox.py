"""Queues what the readers' threads publish for the thread that sends it to Redis."""

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

from streaming.ingest.shared_stream import Fields

MOST_WAITING = 8_000_000  # bytes on their way to Redis, above which pictures are left out

Sender = TypeVar("Sender")


@dataclass(frozen=True)
class Entry(Generic[Sender]):
    """What a reader says, on its way to Redis."""

    relay: Sender
    keep: str  # which entries stay with it: "from here", "few" or "all"
    fields: Fields


class Outbox(Generic[Sender]):
    """Entries on their way to Redis, bounded by their bytes."""

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
        """All that waits, in order, as soon as there is something; nothing once this is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._entries or self._closed)
            entries, self._entries, self._bytes = self._entries, [], 0
            return entries

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

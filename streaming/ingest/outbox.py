"""The queue of pictures between the threads that read cameras and the thread that shares them in Redis."""

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

from streaming.ingest.shared_stream import Fields

MOST_WAITING = 8_000_000  # bytes in the queue, above which pictures are dropped

Sender = TypeVar("Sender")


@dataclass(frozen=True)
class Entry(Generic[Sender]):
    """A message that waits to be added to a camera's Redis stream: a picture, or a notice that the camera is lost."""

    relay: Sender  # that of the camera
    keep: str  # which earlier entries stay in the stream. "from here": none, "few": the last 50, "all": all
    fields: Fields  # names and values of the entry in Redis


class Outbox(Generic[Sender]):
    """An unbounded queue of messages for Redis. Many threads put, one thread takes.

    `put` never refuses. A caller that has a picture drops it while `is_full`: more than MOST_WAITING bytes wait.
    """

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
        """Remove and return all waiting entries, oldest first. Blocks while there are none.

        Once the outbox is closed, it returns what is left, or an empty list, at once.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._entries or self._closed)
            entries, self._entries, self._bytes = self._entries, [], 0
            return entries

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

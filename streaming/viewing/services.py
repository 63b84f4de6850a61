"""The parts of a worker process that all its viewings (viewers' streams) share."""

from collections.abc import Callable
from dataclasses import dataclass

from streaming.gate.slots import Gate
from streaming.ingest.hub import Hub
from streaming.reports.counters import Counters
from streaming.viewing.viewer import ViewerTimeouts


@dataclass(frozen=True)
class WorkerServices:
    gate: Gate
    hub: Hub
    timeouts: ViewerTimeouts
    counters: Counters
    budget: Callable[[], int]  # returns the bandwidth limit of all streams together, kbit/s; 0: unlimited

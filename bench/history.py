"""The history of a soak, a long test with random faults: events in an append-only file, and their check afterwards.

A line is one event as JSON. Times are `time.monotonic()`; all programs run on one machine. The events:

    wants     a viewer tries to enter, until `live` or `rests`
    live      the viewer has a slot (the right to stream); the time is the worker's, from its message `info`
    frame     a frame that the viewer received: one about each second, and the last; the time is the worker's read
    left      the viewing is over, with a close code or without
    refused   an opening was answered with a close code, or not at all (code 0)
    rests     the viewer stops trying
    observed  number of unexpired leases in Redis; `count` is None while Redis does not answer
    fault     a fault was injected
    ...       more events in bench/turns.py

A viewing lasts from `live` to its last frame, by the workers' times. The close does not count: it comes after the
release of the slot, and from a paused or killed worker much later or never. So viewings that overlap here were on
screens at once.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Event:
    """One event of a history. `event` is its name, such as "live", `at` its time by `time.monotonic()`, and `code` the
    close code of the WebSocket.
    """

    event: str
    at: float
    viewer: str = ""  # one name per viewing
    worker: str = ""  # its number
    limit: int = 0  # of concurrent streams, with "observed"
    code: int | None = None
    reason: str = ""  # of the close, the class of a viewer that "asks", or the text of a fault
    count: int | None = None  # unexpired leases, with "observed"


def monotonic(stamp_ms: float) -> float:
    """Returns a Unix time in milliseconds, of this machine, as seconds of the events' clock, `time.monotonic()`."""
    return time.monotonic() - (time.time() - stamp_ms / 1000)


class Recorder:
    """Appends events to a file, each at once, so that a run that dies leaves its history."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def add(self, event: Event) -> None:
        known = {name: value for name, value in asdict(event).items() if value != getattr(Event, name, None)}
        self._file.write(json.dumps(known) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Event]:
    """Yields the events of a history's file, without a last line that was cut off."""
    with path.open() as lines:
        for line in lines:
            if line.endswith("\n"):
                yield Event(**json.loads(line))


@dataclass
class Report:
    """The figures of a history of streams, and its violations of the limit on concurrent streams."""

    admissions: int = 0
    refusals: Counter[str] = field(default_factory=Counter)  # close code and reason -> how often
    endings: Counter[str] = field(default_factory=Counter)  # the same
    largest_overlap: int = 0  # viewings at once
    largest_unexpired: int = 0  # leases at once
    slowest_admission: float = 0.0  # longest time, seconds, in which a slot was free and a viewer waited for it
    violations: list[str] = field(default_factory=list)


def check(history: Iterable[Event], limit: int) -> Report:
    """Returns the figures of a history, and its violations of `limit`: each new maximum above it, of viewings at
    once and of unexpired leases. A viewing admitted twice and a frame without a slot are violations, too.
    """
    events = sorted(history, key=lambda event: event.at)
    report = Report()
    for event in events:
        if event.event == "live":
            report.admissions += 1
        elif event.event == "refused":
            report.refusals[f"{event.code} {event.reason}".strip()] += 1
        elif event.event == "left":
            report.endings[f"{event.code} {event.reason}".strip()] += 1
    _check_overlap(events, limit, report)
    _check_observations(events, limit, report)
    report.slowest_admission = _slowest_admission(events, limit)
    return report


def _check_overlap(events: list[Event], limit: int, report: Report) -> None:
    """Add each new maximum of viewings at once above `limit` to the violations of `report`, and set its largest
    overlap. A viewing that ends when another begins does not overlap it.
    """
    intervals = _intervals(events, report)
    turns = sorted(
        [(begin, 1, viewer) for viewer, (begin, _) in intervals.items()]
        + [(end, 0, viewer) for viewer, (_, end) in intervals.items()]
    )
    on: set[str] = set()
    for at, begins, viewer in turns:
        on.symmetric_difference_update({viewer})
        if begins and len(on) > max(limit, report.largest_overlap):
            report.violations.append(f"{at:.3f}: {len(on)} viewings at once, {limit} allowed: {', '.join(sorted(on))}")
        report.largest_overlap = max(report.largest_overlap, len(on))


def _intervals(events: list[Event], report: Report) -> dict[str, tuple[float, float]]:
    intervals: dict[str, tuple[float, float]] = {}
    for event in events:
        if event.event == "live":
            if event.viewer in intervals:
                report.violations.append(f"{event.at:.3f}: {event.viewer} was admitted twice")
            intervals.setdefault(event.viewer, (event.at, event.at))
    for event in events:
        if event.event == "frame":
            if event.viewer not in intervals:
                report.violations.append(f"{event.at:.3f}: {event.viewer} got a frame without a slot")
                continue
            begin, end = intervals[event.viewer]
            intervals[event.viewer] = (begin, max(end, event.at))
    return {viewer: (begin, end) for viewer, (begin, end) in intervals.items() if end > begin}


def _check_observations(events: list[Event], limit: int, report: Report) -> None:
    for event in events:
        if event.event == "observed" and event.count is not None:
            if event.count > max(limit, report.largest_unexpired):
                report.violations.append(f"{event.at:.3f}: {event.count} unexpired leases, {limit} allowed")
            report.largest_unexpired = max(report.largest_unexpired, event.count)


def _slowest_admission(events: list[Event], limit: int) -> float:
    wanting: set[str] = set()
    free_since: float | None = None
    slowest, free = 0.0, False
    for event in events:
        if free_since is not None and wanting:
            slowest = max(slowest, event.at - free_since)
        if event.event == "wants":
            wanting.add(event.viewer)
        elif event.event in ("live", "rests"):
            wanting.discard(event.viewer)
        elif event.event == "observed":
            free = event.count is not None and event.count < limit
        if event.event == "live" or not (free and wanting):
            free_since = None
        elif free_since is None:
            free_since = event.at
    return slowest

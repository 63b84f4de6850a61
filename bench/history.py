"""What happened during a soak or a load: events in an append-only file, and the check of it afterwards.

A line is one event as JSON. Times are `time.monotonic()` of the one machine that all runs on:

    wants     a viewer tries to enter, until `live` or `rests`
    live      it has a slot: the time that the worker wrote into `info`
    frame     it has got a frame: the time at which the worker read it
    left      its viewing is over, by itself or with a close code
    refused   an opening that was answered with a close code, or not at all (code 0)
    rests     it tries no longer
    observed  unexpired leases in Redis; `count` is None while Redis does not answer
    fault     what was done to the product

A viewing lasts from `live` to its last frame, by the workers' stamps. Not to its close: that comes after the slot went
back, and from a worker that was paused or killed much later, or never. So what overlaps here was on screens at once.
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
    event: str
    at: float
    viewer: str = ""  # one name per viewing
    worker: str = ""
    limit: int = 0
    code: int | None = None
    reason: str = ""
    count: int | None = None


def monotonic(stamp_ms: float) -> float:
    """A Unix time in milliseconds, of this machine, on the clock of the events."""
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
    """The events of a file; a last line that was cut off is left out."""
    with path.open() as lines:
        for line in lines:
            if line.endswith("\n"):
                yield Event(**json.loads(line))


@dataclass
class Report:
    """The figures of a history, and what is wrong with it."""

    admissions: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    largest_overlap: int = 0
    largest_unexpired: int = 0
    slowest_admission: float = 0.0  # seconds in which a slot was free, somebody wanted it and nobody got one
    violations: list[str] = field(default_factory=list)


def check(history: Iterable[Event], limit: int) -> Report:
    """Judge a whole history by the limit."""
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
    """At no moment are more viewings on than the limit allows. One that ends where another begins does not overlap."""
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

"""The order in which viewers waited in line for a slot, in a soak's history: was anybody overtaken by a later one?

Besides the events of `bench.history`:

    asks      a viewer opens a connection; `reason` is their class, "ordinary" or "background"
    joins     the viewer was told a place in the line
    quits     the viewer left the line without a slot: by their own will, or because the connection ended
    mended    the fault of this worker is over

A viewer overtakes another of the same class who joined the line before the viewer asked, and still waits when the
viewer is admitted. Viewers who do not wait count as "ordinary". All times are seen from outside. So if two
admissions are at most TOLERANCE apart, either may have been the first. A viewer whose worker was paused, killed or
ended may be overtaken: the worker does not renew their place then, and does not take a slot for them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.history import Event

TOLERANCE = 2.0  # seconds in which a worker that runs claims a granted slot, even if its message is lost
CLAIM = 3.0  # seconds after which a slot that nobody claims goes on; a worker keeps its places again within this time


@dataclass
class Wait:
    """The time of one viewer in the line for a slot, by `time.monotonic()`. `kind`: the viewer's class. Each class
    has an order of its own.
    """

    viewer: str
    worker: str
    kind: str
    joined: float
    ended: float = float("inf")
    admitted: bool = False


@dataclass(frozen=True)
class Admission:
    """The admission of a viewer of a class (`kind`): when they asked, and when they were admitted,
    `time.monotonic()`.
    """

    viewer: str
    kind: str
    asked: float
    at: float


@dataclass
class Turns:
    """The figures of the line in which viewers wait for a slot, and the violations of its order."""

    joined: int = 0
    admitted: int = 0
    longest: float = 0.0  # wait that ended with a slot, seconds
    excused: int = 0  # overtaken because their worker was paused or killed
    violations: list[str] = field(default_factory=list)


def check_turns(history: Iterable[Event]) -> Turns:
    """Returns the figures of a history's waiting line and the violations of its order. A viewer counts as overtaken
    once for each later viewer who overtook them: as excused if their worker had a fault, else as a violation.
    """
    events = sorted(history, key=lambda event: event.at)
    waits, admissions = _read(events)
    faults = _faults_of_workers(events)
    turns = Turns(len(waits), sum(wait.admitted for wait in waits))
    turns.longest = max((wait.ended - wait.joined for wait in waits if wait.admitted), default=0.0)
    for admission in admissions:
        for wait in waits:
            if not _overtakes(admission, wait):
                continue
            if any(begin <= admission.at and admission.at - CLAIM <= end for begin, end in faults[wait.worker]):
                turns.excused += 1
                continue
            more = wait.ended - admission.at
            turns.violations.append(
                f"{admission.at:.3f}: {admission.viewer} overtook {wait.viewer} ({wait.kind}), "
                f"who had waited for {admission.at - wait.joined:.1f} s and waited {more:.1f} s more"
            )
    return turns


def _overtakes(admission: Admission, wait: Wait) -> bool:
    is_later = wait.kind == admission.kind and wait.joined < admission.asked
    return is_later and wait.joined < admission.at and admission.at + TOLERANCE < wait.ended


def _read(events: Iterable[Event]) -> tuple[list[Wait], list[Admission]]:
    asked: dict[str, Event] = {}
    waiting: dict[str, Wait] = {}
    waits, admissions = list[Wait](), list[Admission]()
    for event in events:
        if event.event == "asks":
            asked[event.viewer] = event
        elif event.event == "joins":
            waits.append(Wait(event.viewer, event.worker, asked[event.viewer].reason, event.at))
            waiting[event.viewer] = waits[-1]
        elif event.event in ("quits", "live") and event.viewer in waiting:
            wait = waiting.pop(event.viewer)
            wait.ended, wait.admitted = event.at, event.event == "live"
        if event.event == "live" and event.viewer in asked:
            question = asked[event.viewer]
            admissions.append(Admission(event.viewer, question.reason, question.at, event.at))
    return waits, admissions


def _faults_of_workers(events: Iterable[Event]) -> dict[str, list[tuple[float, float]]]:
    """Returns the faults of each worker, by its number: from their beginning until the worker runs again, infinity if
    it does not.
    """
    faults, begun = defaultdict[str, list[tuple[float, float]]](list), dict[str, float]()
    for event in events:
        if event.event == "fault" and event.worker:
            begun[event.worker] = event.at
        elif event.event == "mended":
            faults[event.worker].append((begun.pop(event.worker), event.at))
    for worker, began in begun.items():
        faults[worker].append((began, float("inf")))
    return faults

"""The figures of a run with rogue cameras, which misbehave on purpose, and the promises (what must hold) about them."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from bench.rogue_camera import PICTURELESS

GROWTH = 50.0  # MB that a process may keep
GAP = 1.0  # seconds between two pictures of a healthy viewer


@dataclass
class Mode:
    """The figures of the rogue camera in one mode, a way to misbehave."""

    viewings: int = 0
    pictures: int = 0  # frames that reached the viewers
    stills: int = 0  # requests for a still that were answered with 200
    memory: float = 0.0  # most MB that the workers grew after a viewing of it began
    ended: set[str] = field(default_factory=set)  # the reasons why viewings ended


@dataclass
class Findings:
    """The figures of a run with rogue cameras beside healthy ones. `modes`: the way to misbehave -> its figures."""

    modes: dict[str, Mode] = field(default_factory=lambda: defaultdict(Mode))
    probes: int = 0  # streams of a healthy camera that were opened to see whether the gate answers
    slowest_probe: float = 0.0  # seconds
    failed_probes: list[str] = field(default_factory=list)  # the reason of each
    before: dict[str, float] = field(default_factory=dict)  # MB, by process
    peak: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)  # first lines of requests to other addresses
    crashed: list[str] = field(default_factory=list)  # the worker, and the modes that ran
    longest_gap: float = 0.0  # seconds without a picture, of a healthy viewer
    lost_viewers: list[str] = field(default_factory=list)  # why healthy viewers' streams ended
    healthy_pictures: int = 0  # of the healthy viewer with the fewest


def of_workers(memory: dict[str, float]) -> float:
    return sum(size for name, size in memory.items() if name != "redis")


def promises(findings: Findings) -> dict[str, bool]:
    """Returns what must hold -> whether it did."""
    shown = [mode for mode, found in findings.modes.items() if found.pictures + found.stills]
    stayed = max((findings.after.get(name, 0) - size for name, size in findings.before.items()), default=0.0)
    return {
        "no worker crashed": not findings.crashed,
        f"memory is back within {GROWTH:g} MB": not findings.crashed and stayed <= GROWTH,
        "no healthy viewer was lost": not findings.lost_viewers,
        f"no healthy viewer waited {GAP:g} s for a picture": findings.longest_gap < GAP,
        "the gate answered each time": not findings.failed_probes and findings.probes > 0,
        "nobody asked for another address": not findings.touched,
        "no text, playlist or redirect became a picture": not any(
            mode.partition(" ")[2].startswith(PICTURELESS) for mode in shown
        ),
    }


def table(findings: Findings) -> None:
    print(f"  {'mode':<32}{'viewings':>9}{'pictures':>9}{'stills':>7}{'MB':>7}  ended")
    for mode, found in findings.modes.items():
        figures = f"{found.viewings:>9}{found.pictures:>9}{found.stills:>7}{found.memory:>7.0f}"
        print(f"  {mode:<32}{figures}  {', '.join(sorted(found.ended))}")
    for name in findings.before:
        sizes = [when.get(name, 0) for when in (findings.before, findings.peak, findings.after)]
        print(f"  {name + ', MB before, at most, after':<45} {', '.join(f'{size:.0f}' for size in sizes)}")
    rows: dict[str, Any] = {
        "longest gap of a healthy viewer, s": round(findings.longest_gap, 2),
        "pictures of the healthy viewer with the fewest": findings.healthy_pictures,
        "probes of the gate": findings.probes,
        "slowest answer of the gate, s": round(findings.slowest_probe, 2),
        "failed probes": findings.failed_probes,
        "healthy viewers lost": findings.lost_viewers,
        "asked of another address": sorted(set(findings.touched)),
        "crashed": findings.crashed,
    }
    for name, figure in rows.items():
        print(f"  {name:<45} {figure}")


def plain(value: object) -> object:
    return sorted(value) if isinstance(value, set) else vars(value)

"""Judges a soak, a long test with random faults: its promises (what must hold) and its table of figures."""

import re

from bench.history import Report
from bench.soak.faults import EXIT
from bench.soak.run import SoakRun
from bench.turns import Turns

GROWTH = 40  # descriptors that a worker may have more than when it was new: connections to Redis and the database
EXPECTED = re.compile(r"4429 limit_reached|4503 \w+|4409 slot_lost|1006 no answer|0 \w+")
UNEXPECTED = re.compile(
    r"A stream failed|The gate's (keeper|heartbeat) failed|The capture of camera|never retrieved|Task was destroyed"
)


def broken(run: SoakRun, report: Report, turns: Turns, left: int) -> list[str]:
    """Returns the violations of the stream limit and of the waiting line's order, and the promises that the run broke.
    `left`: file descriptors of this process that stayed open.
    """
    ending, longest_wait = run.ending, run.timing.lease + run.timing.grace
    logs = run.site.logs()
    promises = {
        f"a free slot waits {longest_wait:g} s at most": report.slowest_admission <= longest_wait,
        "all slots are in use again after the faults": ending.full_again,
        "viewers are admitted from the line": turns.admitted > 0,
        "no slot is held one lease after all viewers have left": ending.slots == 0,
        f"a worker ends within {EXIT:g} s of SIGTERM": run.faults.slowest_exit <= EXIT,
        "only refusals that the protocol knows": all(EXPECTED.fullmatch(code) for code in report.refusals),
        "the workers' descriptors do not grow": all(now - new <= GROWTH for new, now in ending.descriptors),
        "no camera is left open": ending.cameras == 0,
        "this process's descriptors do not grow": left <= 5,
        "no unexpected error in the logs": not UNEXPECTED.search(logs),
    }
    return (
        report.violations + turns.violations + [f"broken: {promise}" for promise, kept in promises.items() if not kept]
    )


def print_table(run: SoakRun, report: Report, turns: Turns, left: int) -> None:
    ending = run.ending
    rows: list[tuple[str, object]] = [
        ("admissions", report.admissions),
        *((f"refused {code}", times) for code, times in sorted(report.refusals.items())),
        *((f"ended {code}", times) for code, times in sorted(report.endings.items())),
        ("waits in line, admitted, longest wait", f"{turns.joined}, {turns.admitted}, {turns.longest:.1f} s"),
        ("overtaken, because their worker had a fault", turns.excused),
        ("overtaken without a reason", len(turns.violations)),
        ("longest time from a free slot to an admission", f"{report.slowest_admission:.1f} s"),
        ("largest overlap of viewings", f"{report.largest_overlap} of {run.options.limit}"),
        ("largest count of unexpired leases", f"{report.largest_unexpired} of {run.options.limit}"),
        ("slots held after all had left", f"{ending.slots}, after {ending.free_after:.1f} s"),
        ("longest from SIGTERM to the end of a worker", f"{run.faults.slowest_exit:.1f} s"),
        ("descriptors of the workers, new and at the end", ending.descriptors),
        ("descriptors of this process more than before", left),
        ("connections to cameras left", ending.cameras),
        *((f"fault: {what}", times) for what, times in sorted(run.faults.done.items())),
        ("tracebacks in the workers' logs", run.site.logs().count("Traceback (most recent call last)")),
    ]
    for name, figure in rows:
        print(f"  {name:<50} {figure}")

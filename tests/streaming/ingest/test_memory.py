"""A worker keeps few heaps. Each one more keeps the most that a camera ever made it take."""

import os
import re
from itertools import pairwise

from tests.servers import Site

HEAP = 64 * 1024**2  # bytes: glibc aligns and reserves as much for each heap beside the main one


def heaps(pid: int) -> int:
    """The heaps of a process beside the main one: a used and a reserved mapping, adjacent, 64 MiB together."""
    with open(f"/proc/{pid}/maps") as maps:
        ends = [[int(end, 16) for end in re.split("[- ]", line, maxsplit=2)[:2]] for line in maps]
    return sum(
        start % HEAP == 0 and end == after and stop - start == HEAP for (start, end), (after, stop) in pairwise(ends)
    )


def test_a_worker_has_no_more_heaps_than_cores(installation: Site) -> None:
    worker = installation.start_worker()
    assert heaps(worker.process.popen.pid) < max(os.cpu_count() or 1, 2)

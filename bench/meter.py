"""CPU, memory and threads of a program. The kernel counts CPU time in a way that a busy machine changes little."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil

FULL = 95.0  # percent of all cores; above it the figures show the machine, not the program


@dataclass(frozen=True)
class Window:
    """The use of the processors between two moments: by the measured program, and by all programs."""

    started: float  # Unix seconds
    ended: float
    cpu: float  # seconds that the program used
    busy: float  # percent of all cores, by all programs

    @property
    def seconds(self) -> float:
        return self.ended - self.started


class Meter:
    """Measures processes together with all their descendants, such as a worker with its embedded Redis."""

    def __init__(self, *pids: int) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]

    def window(self, seconds: float) -> Window:
        """Wait for `seconds`. Returns the use of the processors meanwhile."""
        psutil.cpu_percent()
        started, before = time.time(), self.cpu()
        time.sleep(seconds)
        return Window(started, time.time(), self.cpu() - before, psutil.cpu_percent())

    def cpu(self) -> float:
        """Returns the seconds of CPU so far, user and system. Excludes those of descendants that have ended."""
        return sum(time.clock_gettime(_clock_of(process.pid)) for process in self._tree())

    def memory(self) -> float:
        """Returns the megabytes that would be free if the program ended (USS)."""
        return float(sum(process.memory_full_info().uss for process in self._tree())) / 1e6

    def own_memory(self) -> float:
        """Returns the resident megabytes that belong to no file. USS counts libraries too, but only while no other
        program uses them.
        """
        infos = [process.memory_info() for process in self._tree()]
        return float(sum(info.rss - info.shared for info in infos)) / 1e6

    def threads(self) -> int:
        return sum(process.num_threads() for process in self._tree())

    def _tree(self) -> Iterator[psutil.Process]:
        for root in self._processes:
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    process.status()
                    yield process


def _clock_of(pid: int) -> int:
    """Returns the clock of a process's CPU time, as clock_getcpuclockid(3) does on Linux. Unlike /proc, which counts
    hundredths of a second, it counts nanoseconds.
    """
    return (~pid << 3) | 2

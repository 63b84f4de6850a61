"""What a program costs, by the kernel's accounting, which a busy machine changes little."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil

FULL = 95.0  # percent of all cores from which on the machine decides, not the program


@dataclass(frozen=True)
class Window:
    """A stretch of time, Unix seconds, what the program used in it, and how busy all cores were, percent."""

    started: float
    ended: float
    cpu: float  # seconds
    busy: float

    @property
    def seconds(self) -> float:
        return self.ended - self.started


class Meter:
    """A process and all below it: a worker, its embedded Redis and that one's keeper."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def window(self, seconds: float) -> Window:
        psutil.cpu_percent()
        started, before = time.time(), self.cpu()
        time.sleep(seconds)
        return Window(started, time.time(), self.cpu() - before, psutil.cpu_percent())

    def cpu(self) -> float:
        """Seconds, user and system, so far."""
        return sum(time.clock_gettime(_clock_of(process.pid)) for process in self._tree())

    def memory(self) -> float:
        """Megabytes that would be free if the program ended (USS)."""
        return float(sum(process.memory_full_info().uss for process in self._tree())) / 1e6

    def threads(self) -> int:
        return sum(process.num_threads() for process in self._tree())

    def _tree(self) -> Iterator[psutil.Process]:
        for process in (self._process, *self._process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                process.status()
                yield process


def _clock_of(pid: int) -> int:
    """The clock of a process's CPU time, which counts nanoseconds where /proc counts hundredths: what
    clock_getcpuclockid(3) answers on Linux."""
    return (~pid << 3) | 2

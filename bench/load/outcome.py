"""The promises of a load test (what must hold under load), and the use of the processors during it."""

import os
import time
from dataclasses import dataclass

import psutil

from bench.meter import FULL, Meter


@dataclass
class Outcome:
    """Prints each promise (what must hold) with its figure, and counts the broken ones."""

    broken: int = 0

    def promise(self, what: str, kept: bool, figure: str) -> None:
        self.broken += not kept
        print(f"  {'kept  ' if kept else 'BROKEN'}  {what:<52} {figure}", flush=True)


class ProcessorUse:
    """CPU of the installation's programs and of this process between `start` and `report`, which prints it."""

    def __init__(self, programs: dict[str, Meter]) -> None:
        self._programs = programs

    def start(self) -> None:
        psutil.cpu_percent()
        self._before, self._started = self._seconds(), time.monotonic()

    def _seconds(self) -> dict[str, float]:
        used = {name: meter.cpu() for name, meter in self._programs.items()}
        return {**used, "this load generator": time.process_time()}

    def report(self) -> None:
        busy, passed = psutil.cpu_percent(), time.monotonic() - self._started
        shares = {name: (after - self._before[name]) / passed * 100 for name, after in self._seconds().items()}
        parts = ", ".join(f"{name} {share:.0f} %" for name, share in shares.items())
        print(f"  processors: {busy:.0f} % of {os.cpu_count()} cores busy; of one core: {parts}")
        if busy >= FULL:
            print("  THE MACHINE WAS FULL: these figures show the machine, not the product")

"""promtool, the checker of Prometheus for metrics and configuration."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", re.M)

Samples = dict[str, float]  # `name` or `name{labels}` -> value


@dataclass(frozen=True)
class Promtool:
    path: str

    def check_metrics(self, text: bytes) -> None:
        """Fails if the metrics cannot be parsed, or break the rules for names and units."""
        done = subprocess.run([self.path, "check", "metrics"], input=text, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), text.decode()

    def check(self, *arguments: str | Path) -> None:
        """Fails if `promtool <arguments>` reports a problem."""
        done = subprocess.run(
            [self.path, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=30
        )
        assert done.returncode == 0, done.stdout + done.stderr


def samples_of(text: bytes) -> Samples:
    return {
        name + (f"{{{labels}}}" if labels else ""): float(value)
        for name, labels, value in SAMPLE.findall(text.decode())
    }

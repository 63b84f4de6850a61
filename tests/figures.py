"""Figures that tests measure on their way, for docs/reliability.md: written where `NVR_FIGURES` names a file."""

import json
import os


def record(what: str, value: float, unit: str = "s") -> None:
    if path := os.environ.get("NVR_FIGURES"):
        with open(path, "a") as file:
            file.write(json.dumps({"what": what, "value": round(value, 3), "unit": unit}) + "\n")

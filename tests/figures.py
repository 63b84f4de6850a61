"""Figures that tests measure for docs/reliability.md. They go to the file that `NVR_FIGURES` names."""

import json
import os


def record(what: str, value: float, unit: str = "s") -> None:
    if path := os.environ.get("NVR_FIGURES"):
        with open(path, "a") as file:
            file.write(json.dumps({"what": what, "value": round(value, 3), "unit": unit}) + "\n")

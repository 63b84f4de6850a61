"""Access to the rows of the benchmark's results."""

from typing import Any

from bench.meter import FULL

Row = dict[str, Any]
Parts = dict[str, Row]  # the name of a part -> its file


def rows(parts: Parts, part: str, **wanted: object) -> list[Row]:
    """Returns the rows of `part` (one program of the benchmark) that were measured and have all values of `wanted`."""
    return [
        row
        for row in parts[part]["rows"]
        if "left_out" not in row and all(row.get(name) == value for name, value in wanted.items())
    ]


def row(parts: Parts, part: str, **wanted: object) -> Row:
    """Returns the first row of `part` that has all values of `wanted`. Raises KeyError if there is none."""
    for found in rows(parts, part, **wanted):
        return found
    raise KeyError(f"{part} has no row with {wanted}")


def with_busy(found: Row) -> Row:
    """Returns `found`, a row of the part `browser`, with the machine's load in the two entries that rows of other
    parts have: `busy`, percent of all cores, and `full`, whether that is at least FULL.
    """
    return {**found, "busy": found["machine_busy"], "full": found["machine_busy"] >= FULL}

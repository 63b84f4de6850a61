"""Fills the tables of docs/performance.md from the results and draws its plots. The prose is written by hand.

    .venv/bin/python -m bench.report

A table stands between `<!-- name -->` and `<!-- /name -->`. A table without results stays as it is.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import plots, tables
from bench.aims import aims
from bench.results import FOLDER, ROOT
from bench.rows import Parts, rows

DOCUMENT = ROOT / "docs" / "performance.md"

TABLES: dict[str, tuple[Callable[[Parts], Iterator[str]], Sequence[str]]] = {
    "machine": (tables.machine, ()),
    "aims": (aims, ("floor", "viewers", "peers", "first_picture", "admission", "budget", "history_cost")),
    **{
        part: (getattr(tables, part), (part,))
        for part in (
            "viewers",
            "floor",
            "browser",
            "first_picture",
            "admission",
            "growth",
            "peers",
            "freshness",
            "servers",
        )
    },
    **{part: (getattr(tables, part), (part,)) for part in ("budget", "history_cost")},
}


def fill(text: str, parts: Parts) -> str:
    """Returns the Markdown `text` with new tables for which `parts` has results; other tables stay as they are. Raises
    AssertionError if a table has no place in the text, or several.
    """
    for name, (lines, needs) in TABLES.items():
        if lacking := set(needs) - parts.keys():
            print(f"Left as it was: {name}, for want of {', '.join(sorted(lacking))}")
            continue
        block = "\n".join(lines(parts))
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda match, block=block: f"{match[1]}\n{block}\n\n{match[2]}", text)  # type: ignore[misc]
        assert count == 1, f"{DOCUMENT.name} has {count} places for {name}"
    return text


def draw(parts: Parts, folder: Path) -> None:
    """Write the plots for which `parts` has results to `folder`, as SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    if "viewers" in parts:
        alone = rows(parts, "floor", what="opencv") if "floor" in parts else []
        plots.viewers(
            folder / "performance-viewers.svg", rows(parts, "viewers"), alone[0]["age_ms_p50"] if alone else None
        )
    if "first_picture" in parts:
        plots.first_picture(folder / "performance-first-picture.svg", tables.in_order(rows(parts, "first_picture")))
    if {"peers", "servers"} <= parts.keys():
        plots.costs(folder / "performance-costs.svg", rows(parts, "peers"), rows(parts, "servers"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder (default var/bench)")
    options = parser.parse_args()
    parts = {file.stem: json.loads(file.read_text()) for file in sorted(options.results.glob("*.json"))}
    parts = {name: part for name, part in parts.items() if name in TABLES and part["rows"]}
    if not parts:
        sys.exit(f"There are no results in {options.results}: run `make bench` first.")
    DOCUMENT.write_text(fill(DOCUMENT.read_text(), parts))
    draw(parts, DOCUMENT.parent / "images")


if __name__ == "__main__":
    main()

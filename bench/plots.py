"""The plots of docs/performance.md. Their light background is readable on white and on black pages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

GROUND, INK, GRID = "#f6f8fa", "#24292f", "#d0d7de"
COLORS = {"original": "#0969da", "medium": "#bc4c00", "other": "#6e7781"}
STYLE: Any = {  # the exact type would list all settings of matplotlib
    "figure.facecolor": GROUND,
    "axes.facecolor": GROUND,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "font.size": 9,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "nvr",  # the same figures make the same file
}

Row = dict[str, Any]


@contextmanager
def figure(file: Path, columns: int, height: float) -> Iterator[tuple[Figure, Sequence[Axes]]]:
    """Make a figure, `height` inches high, with `columns` empty plots side by side. Yields the figure and its
    plots, for the block to draw in. Then saves the figure as SVG in `file`.
    """
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(9, height), layout="constrained")
        yield drawing, [drawing.add_subplot(1, columns, number + 1) for number in range(columns)]
        drawing.savefig(file, metadata={"Date": None})


def viewers(file: Path, rows: Sequence[Row], floor: float | None) -> None:
    """Plot the CPU time and the age of a delivered frame over the number of viewers. `rows`: of `bench.viewers`.
    `floor`: the median age with OpenCV alone, ms, or None.
    """
    with figure(file, 2, 3.2) as (_, (cpu, age)):
        for quality in dict.fromkeys(row["quality"] for row in rows):
            mine, color = [row for row in rows if row["quality"] == quality], COLORS[quality]
            counts = [row["viewers"] for row in mine]
            cpu.plot(counts, [row["cpu_ms_per_frame"] for row in mine], "o-", color=color, label=quality)
            age.plot(counts, [row["age_ms_p50"] for row in mine], "o-", color=color, label=f"{quality}, median")
            age.plot(
                counts, [row["age_ms_p95"] for row in mine], "o:", color=color, label="95th percentile", mfc=GROUND
            )
        if floor is not None:
            age.axhline(floor, color=COLORS["other"], linewidth=1, label="OpenCV alone, median")
        cpu.set(title="CPU of a delivered frame, ms", yscale="log")
        age.set(title="Age of a picture on arrival, ms", ylim=(0, None))
        cpu.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        cpu.yaxis.set_major_formatter(PLAIN)
        cpu.yaxis.set_minor_formatter(NullFormatter())
        for axes in (cpu, age):
            axes.set(xlabel="viewers of one camera", xscale="log")
            axes.set_xticks(sorted({row["viewers"] for row in rows}), minor=False)
            axes.xaxis.set_major_formatter(PLAIN)
            axes.xaxis.set_minor_locator(NullLocator())
            axes.legend()


def first_picture(file: Path, rows: Sequence[Row]) -> None:
    """Plot the waits for the first picture, a dot for each repetition. `rows`: of `bench.first_picture`."""
    names = list(dict.fromkeys(row["what"] for row in rows))
    with figure(file, 1, 0.9 + 0.32 * len(names)) as (_, (axes,)):
        for row in rows:
            quality = row.get("quality", "other")
            # The two qualities of a wait lie one above the other.
            height = names.index(row["what"]) + {"original": -0.14, "medium": 0.14}.get(quality, 0.0)
            axes.plot(row["all"], [height] * len(row["all"]), "o", color=COLORS[quality], alpha=0.55, markersize=4)
            axes.plot(row["ms_p50"], height, "|", color=INK, markersize=11)
        for name in ("original", "medium"):
            axes.plot([], [], "o", color=COLORS[name], label=name)
        axes.plot([], [], "|", color=INK, markersize=11, linestyle="", label="median")
        axes.set(title="From opening to the first picture, ms", xscale="log", ylim=(len(names) - 0.5, -0.5))
        axes.set_yticks(range(len(names)), names)
        axes.xaxis.set_major_formatter(PLAIN)
        axes.legend(loc="upper right")


def costs(file: Path, peers: Sequence[Row], servers: Sequence[Row]) -> None:
    """Plot the CPU time of a delivered frame: of this product beside other programs (`peers`), and under other ASGI
    servers (`servers`).
    """
    carried = [row for row in servers if "quality" in row]
    with figure(file, 2, 3.4) as (drawing, (left, right)):
        _bars(
            left,
            [
                (PROGRAMS[row["what"]], row["cpu_ms_per_frame"], COLORS.get(row["what"], COLORS["other"]), 1.0)
                for row in sorted(peers, key=lambda row: row["cpu_ms_per_frame"])
            ],
        )
        _bars(
            right,
            [
                (
                    f"{row['server']}, {row['quality']}{', bare' if row['application'] == 'bare' else ''}",
                    row["cpu_ms_per_frame"],
                    COLORS[row["quality"]],
                    0.4 if row["application"] == "bare" else 1.0,
                )
                for row in sorted(carried, key=lambda row: (row["quality"] != "original", row["application"] == "bare"))
            ],
        )
        left.set(title="Beside other programs")
        right.set(title="Under other servers")
        drawing.suptitle("CPU of a delivered frame, ms", x=0.01, ha="left", fontsize=10)


def _bars(axes: Axes, bars: Sequence[tuple[str, float, str, float]]) -> None:
    for number, (_, value, color, alpha) in enumerate(bars):
        axes.barh(number, value, color=color, alpha=alpha, height=0.7)
        axes.text(value, number, f" {value:.2f}", va="center", fontsize=8)
    axes.set_yticks(range(len(bars)), [name for name, *_ in bars])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.15)


PROGRAMS = {
    "medium": "this product,\nmedium",
    "original": "this product,\noriginal",
    "motion": "motion",
    "rtsp-relay": "rtsp-relay",
}
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")

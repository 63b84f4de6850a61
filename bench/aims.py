"""The table of aims (targets for the product) in docs/performance.md: each with the measured figures and its
verdict.
"""

from collections.abc import Callable, Iterator
from typing import Any

from bench.markdown import cells, table
from bench.rows import Parts, row, rows, with_busy

Verdict = tuple[Any, ...]  # the figures as text, whether the aim is kept, and the rows that the figures come from


def aims(parts: Parts) -> Iterator[str]:
    """Yields the lines of a Markdown table of the targets: the measured figures of each, and whether it is kept.
    Leaves out, and prints, a target whose part or only row is missing. A target over several rows needs at least
    one of them. `parts`: all results.
    """
    yield from table("Aim", "Measured", "")
    for aim, measure in AIMS.items():
        try:
            text, kept, *used = measure(parts)
        except KeyError as error:  # a part, or a row of it
            print(f"Aim without figures: {aim}: {error}")
            continue
        full = ", on a full machine" if any(found.get("full") for found in used) else ""
        yield cells(aim, text, f"{'kept' if kept else '**missed**'}{full}")


def _age(parts: Parts) -> Verdict:
    ours, alone = (row(parts, "floor", what=what) for what in ("viewers", "opencv"))
    text = f"{ours['age_ms_p50']:.1f} ms against {alone['age_ms_p50']:.1f} ms"
    return text, ours["age_ms_p50"] - alone["age_ms_p50"] <= 20, ours


def _age_in_browser(parts: Parts) -> Verdict:
    shown, alone = (row(parts, "browser", what=what) for what in ("browser", "raw read"))
    text = f"{shown['age_ms_p50']:.0f} ms against {alone['age_ms_p50']:.1f} ms"
    return text, shown["viewers"] == 20 and shown["age_ms_p50"] - alone["age_ms_p50"] <= 20, with_busy(shown)


def _cpu_original(parts: Parts) -> Verdict:
    # Both runs with 20 viewers: one alone would hide their difference.
    used = [row(parts, "viewers", quality="original", viewers=20), row(parts, "floor", what="viewers", viewers=20)]
    costs = [found["cpu_ms_per_frame"] for found in used]
    return " and ".join(f"{cost:.3f}" for cost in costs) + " ms, in two parts", max(costs) <= 0.15, *used


def _bytes(parts: Parts) -> Verdict:
    found = row(parts, "floor", what="viewers")
    return f"{found['bytes_ratio'] * 100:.1f} % of the camera's", abs(found["bytes_ratio"] - 1) <= 0.03, found


def _cpu_medium(parts: Parts) -> Verdict:
    found = row(parts, "peers", what="medium")
    return f"{found['cpu_ms_per_frame']:.3f} ms", found["cpu_ms_per_frame"] <= 0.30, found


def _below_motion(parts: Parts) -> Verdict:
    ours, motion = (row(parts, "peers", what=what) for what in ("medium", "motion"))
    text = f"{ours['cpu_ms_per_frame']:.3f} ms against {motion['cpu_ms_per_frame']:.3f} ms"
    return text, ours["cpu_ms_per_frame"] < motion["cpu_ms_per_frame"], ours, motion


def _warm(parts: Parts) -> Verdict:
    late = max(found["ms_p95"] for found in rows(parts, "first_picture") if found["what"].startswith("warm"))
    return f"{late:.0f} ms", late <= 150


def _cold(parts: Parts) -> Verdict:
    late = max(max(found["all"]) for found in rows(parts, "first_picture", what="cold, key at once"))
    return f"{late:.0f} ms", late <= 1000


def _admission(parts: Parts) -> Verdict:
    ratios = [found["ratio"] for found in rows(parts, "admission", what="the gate's acquire")]
    return " and ".join(f"{ratio:.2f}" for ratio in ratios) + " times", max(ratios) <= 1.2


def _budget(parts: Parts) -> Verdict:
    found = row(parts, "budget", viewers=30)
    most = max(found["most_shown_mbps"], found["most_arrived_mbps"])
    return f"{most:.1f} Mbit/s", most <= found["budget_mbps"] == 20


def _reports(parts: Parts) -> Verdict:
    share = sum(found["share_of_a_core_percent"] for found in rows(parts, "history_cost"))
    return f"{share:.3f} %", share < 1


AIMS: dict[str, Callable[[Parts], Verdict]] = {
    "`original`, 20 viewers: median age at the socket at most 20 ms above OpenCV's raw read beside it": _age,
    "`original`, 20 viewers: the same on the canvas of a browser": _age_in_browser,
    "`original`, 20 viewers: 0.15 ms of CPU per delivered frame": _cpu_original,
    "`original`: bytes within 3 % of the camera's": _bytes,
    "`medium`, 40 viewers: 0.30 ms of CPU per delivered frame": _cpu_medium,
    "`medium`, 40 viewers: less CPU per delivered frame than motion": _below_motion,
    "First picture of a running camera at the socket within 0.15 s (95th percentile, the slowest kind)": _warm,
    "First picture of a cold camera at the socket within 1 s, where it begins with a keyframe (the slowest)": _cold,
    "Admission at most 1.2 times a bare INCR (medians; on two cores and on one)": _admission,
    "30 viewers try: what two workers send stays under a budget of 20 Mbit/s": _budget,
    "Reports and history of 100 viewers: 1 % of a core": _reports,
}

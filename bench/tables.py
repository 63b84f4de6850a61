"""The tables of docs/performance.md: from the results to lines of Markdown."""

from collections.abc import Callable, Iterator
from typing import Any

from bench.meter import FULL

Row = dict[str, Any]
Parts = dict[str, Row]  # the name of a part -> its file
Verdict = tuple[Any, ...]  # what was measured, whether the aim is kept, and the rows that say so


def rows(parts: Parts, part: str, **wanted: object) -> list[Row]:
    """What has been measured of a part."""
    return [
        row
        for row in parts[part]["rows"]
        if "left_out" not in row and all(row.get(name) == value for name, value in wanted.items())
    ]


def row(parts: Parts, part: str, **wanted: object) -> Row:
    """The one row of a kind; raises KeyError where it is missing."""
    for found in rows(parts, part, **wanted):
        return found
    raise KeyError(f"{part} has no row with {wanted}")


# The tables.


def machine(parts: Parts) -> Iterator[str]:
    parts = {name: part for name, part in parts.items() if "machine" in part}
    newest = max(parts.values(), key=lambda part: part["date"])
    about, versions = newest["machine"], newest["versions"]
    dates = sorted(part["date"] for part in parts.values())
    # Of the first part: later ones begin with what the benchmark itself has left.
    load = min(parts.values(), key=lambda part: str(part["date"]))["machine"]["load_before"]
    commits = ", ".join(sorted({part["commit"] for part in parts.values()}))
    yield f"Measured from {dates[0]} to {dates[-1]}, at {commits}, on:"
    yield f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, {about['system']};"
    yield ", ".join(f"{name} {version}" for name, version in versions.items()) + "."
    if load > about["cores"] / 2:
        yield ""
        yield f"**Provisional: the machine had other work** (load {load:.1f} before it began). Repeat it on a quiet one."


def aims(parts: Parts) -> Iterator[str]:
    """Each aim with what was measured; one whose figures are missing is left out."""
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
    return text, shown["viewers"] == 20 and shown["age_ms_p50"] - alone["age_ms_p50"] <= 20, _marked(shown)


def _cpu_original(parts: Parts) -> Verdict:
    # Both runs with 20 viewers: one of them alone would hide how far they lie apart.
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


def viewers(parts: Parts) -> Iterator[str]:
    yield from table(
        "Quality",
        "Viewers",
        "frames/s, the least",
        "CPU ms per frame",
        "CPU ms per viewer-second",
        "% of a core",
        "Age ms, median",
        "95 %",
        "of it since the read",
        "kB per viewer",
        "Machine busy",
    )
    for found in rows(parts, "viewers"):
        memory = found["memory_per_viewer_kb"]
        yield cells(
            f"`{found['quality']}`",
            found["viewers"],
            f"{found['fps_least']:.1f}",
            f"{found['cpu_ms_per_frame']:.3f}",
            f"{found['cpu_ms_per_viewer_second']:.1f}",
            f"{found['cpu_percent']:.0f}",
            *ages(found),
            number(found["since_read_ms_p50"], 1),
            "" if memory is None else f"{memory:.0f}",
            busy(found),
        )


def floor(parts: Parts) -> Iterator[str]:
    names = {
        "opencv": "OpenCV, raw read (the floor)",
        "opencv_decoded": "OpenCV, decoding, one thread",
        "ffmpeg": "ffmpeg, copying to a pipe",
        "viewers": "a viewer at `original`",
    }
    yield from ages_of(parts, "floor", "Reader", names)
    for found in rows(parts, "floor", what="viewers"):
        yield ""
        yield (
            f"The camera sent {found['camera_mbit']:.3f} Mbit/s, each of {found['viewers']} viewers received "
            f"{found['viewer_mbit']:.3f}: {found['bytes_ratio'] * 100:.1f} %. Machine busy: {busy(found)}."
        )


def browser(parts: Parts) -> Iterator[str]:
    names = {
        "raw read": "OpenCV, raw read",
        "raw read and decode": "the same, decoded",
        "browser": "on the canvas of the page",
    }
    yield from ages_of(parts, "browser", "Picture", names)
    for found in rows(parts, "browser", what="browser"):
        version = row(parts, "browser", what="surroundings")["chromium"]
        yield ""
        yield f"Chromium {version} without a GPU, {found['viewers']} viewers in all; machine busy: {busy(_marked(found))}."


def ages_of(parts: Parts, part: str, head: str, names: dict[str, str]) -> Iterator[str]:
    """A table of ages: a line for each of `names`, which tell what is to be read there."""
    yield from table(head, "Age ms, median", "95 %")
    for name, text in names.items():
        for found in rows(parts, part, what=name):
            yield cells(text, *ages(found))


def _marked(found: Row) -> Row:
    """A row of the browser's, told as the others are how busy the machine was."""
    return {**found, "busy": found["machine_busy"], "full": found["machine_busy"] >= FULL}


def first_picture(parts: Parts) -> Iterator[str]:
    yield from table("Wait", "Quality", "ms, median", "95 %", "The slowest", "Repetitions")
    for found in in_order(rows(parts, "first_picture")):
        quality = f"`{found['quality']}`" if "quality" in found else ""
        times = found["all"]
        # Of fewer than 20 the 95th percentile is the slowest, and says nothing of its own.
        late = f"{found['ms_p95']:.0f}" if len(times) >= 20 else ""
        yield cells(found["what"], quality, f"{found['ms_p50']:.0f}", late, f"{max(times):.0f}", len(times))


WAITS = [
    "warm",
    "warm, other quality",
    "next key",
    "cold, key at once",
    "OpenCV alone, key at once",
    "cold, key each second",
    "OpenCV alone, key each second",
]


def in_order(found: list[Row]) -> list[Row]:
    """What first_picture has measured, the like beside the like."""
    return sorted(found, key=lambda row: WAITS.index(row["what"]))


def admission(parts: Parts) -> Iterator[str]:
    yield from table("", "Cores", "us, median", "95 %", "of INCR", "Rounds")
    for found in rows(parts, "admission"):
        ratio = f"{found['ratio']:.2f}" if "ratio" in found else ""
        figures = f"{found['us_p50']:.0f}", f"{found['us_p95']:.0f}", ratio, found["rounds"]
        yield cells(found["what"], found.get("cores", ""), *figures)


def budget(parts: Parts) -> Iterator[str]:
    yield from table("Viewers", "Admitted", "Refused", "Budget, Mbit/s", "Most that was shown", "Most that arrived")
    for found in rows(parts, "budget"):
        rates = (f"{found[name]:.1f}" for name in ("budget_mbps", "most_shown_mbps", "most_arrived_mbps"))
        yield cells(found["viewers"], found["admitted"], found["refused"], *rates)


def history_cost(parts: Parts) -> Iterator[str]:
    yield from table("What", "ms of CPU", "% of a core", "ms of Redis")
    for found in rows(parts, "history_cost"):
        spent = (
            found["report_ms"] if "report_ms" in found else found["write_ms"] + found["looks_ms"] + found["purge_ms"]
        )
        share = f"{found['share_of_a_core_percent']:.3f}"
        yield cells(found["what"], f"{spent:.2f}", share, f"{found['redis_ms']:.2f}")


def growth(parts: Parts) -> Iterator[str]:
    yield from table(
        "Quality", "Cameras", "frames/s, the least", "% of a core", "MB", "MB per camera", "Threads", "Machine busy"
    )
    for found in rows(parts, "growth"):
        yield cells(
            f"`{found['quality']}`",
            found["cameras"],
            f"{found['fps_least']:.1f}",
            f"{found['cpu_percent']:.0f}",
            f"{found['memory_mb']:.0f}",
            f"{found['memory_per_camera_mb']:.1f}",
            found["threads"],
            busy(found),
        )


def peers(parts: Parts) -> Iterator[str]:
    yield from table(
        "Program",
        "Viewers",
        "frames/s",
        "CPU ms per frame",
        "Mbit/s per viewer",
        "Age ms, median",
        "95 %",
        "Machine busy",
    )
    for found in sorted(rows(parts, "peers"), key=lambda row: list(PROGRAMS).index(row["what"])):
        yield cells(
            PROGRAMS[found["what"]],
            found["viewers"],
            f"{found['fps_least']:.1f}",
            f"{found['cpu_ms_per_frame']:.3f}",
            f"{found['mbit_per_viewer']:.1f}",
            *ages(found),
            busy(found),
        )
    yield from missing(parts, "peers")


PROGRAMS = {
    "medium": "this product, `medium`",
    "motion": "motion",
    "original": "this product, `original`",
    "rtsp-relay": "rtsp-relay",
}


def servers(parts: Parts) -> Iterator[str]:
    yield from table(
        "Server", "Quality", "CPU ms per frame", "the server alone", "Age ms, median", "95 %", "MB", "Machine busy"
    )
    for found in rows(parts, "servers", application="product"):
        alone = rows(parts, "servers", application="bare", server=found["server"], quality=found["quality"])
        yield cells(
            found["server"],
            f"`{found['quality']}`",
            f"{found['cpu_ms_per_frame']:.3f}",
            f"{alone[0]['cpu_ms_per_frame']:.3f}" if alone else "",
            *ages(found),
            f"{found['memory_mb']:.0f}",
            busy(found),
        )
    yield ""
    yield from table("Server, stopped (SIGTERM)", "Viewers told to go elsewhere", "Slots left behind", "Gone after, s")
    for found in rows(parts, "servers", application="product, stopped"):
        told = f"{found['viewers_told']} of {found['stops']}"
        yield cells(found["server"], told, found["slots_left"], f"{found['gone_after_s']:.2f}")
    yield from missing(parts, "servers")


def missing(parts: Parts, part: str) -> Iterator[str]:
    for found in parts[part]["rows"]:
        if "left_out" in found:
            yield ""
            yield f"Not measured: {found['left_out']} ({found['why']})."


# What tables are made of.


def table(*heads: str) -> Iterator[str]:
    yield cells(*heads)
    yield "|" + "---|" * len(heads)


def cells(*values: object) -> str:
    return f"| {' | '.join(map(str, values))} |"


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def ages(found: Row) -> tuple[str, str]:
    return number(found["age_ms_p50"], 0), number(found["age_ms_p95"], 0)


def busy(found: Row) -> str:
    return f"{'**' if found['full'] else ''}{found['busy']:.0f} %{'**' if found['full'] else ''}"

"""The tables of docs/performance.md as lines of Markdown, made from the results."""

from collections.abc import Iterator

from bench.markdown import ages, busy, cells, number, table
from bench.rows import Parts, Row, row, rows, with_busy


def machine(parts: Parts) -> Iterator[str]:
    parts = {name: part for name, part in parts.items() if "machine" in part}
    newest = max(parts.values(), key=lambda part: part["date"])
    about, versions = newest["machine"], newest["versions"]
    dates = sorted(part["date"] for part in parts.values())
    # Of the first part: later parts start while the load of the earlier ones is still in the average.
    load = min(parts.values(), key=lambda part: str(part["date"]))["machine"]["load_before"]
    commits = ", ".join(sorted({part["commit"] for part in parts.values()}))
    yield f"Measured from {dates[0]} to {dates[-1]}, at {commits}, on:"
    yield f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, {about['system']};"
    yield ", ".join(f"{name} {version}" for name, version in versions.items()) + "."
    if load > about["cores"] / 2:
        yield ""
        yield f"**Provisional: the machine had other work** (load {load:.1f} before it began). Repeat it on a quiet one."


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
        "marker": "a reader that ends pictures at the marker bit (the floor)",
        "opencv": "OpenCV, raw read",
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
        yield f"Chromium {version} without a GPU, {found['viewers']} viewers in all; machine busy: {busy(with_busy(found))}."


def ages_of(parts: Parts, part: str, head: str, names: dict[str, str]) -> Iterator[str]:
    """Yields a table of the ages of pictures, ms, from the results of `part`. `names`: the `what` of a result -> the
    text of its line.
    """
    yield from table(head, "Age ms, median", "95 %")
    for name, text in names.items():
        for found in rows(parts, part, what=name):
            yield cells(text, *ages(found))


def first_picture(parts: Parts) -> Iterator[str]:
    yield from table("Wait", "Quality", "ms, median", "95 %", "The slowest", "Repetitions")
    for found in in_order(rows(parts, "first_picture")):
        quality = f"`{found['quality']}`" if "quality" in found else ""
        times = found["all"]
        # Of fewer than 20 values the 95th percentile is the slowest one.
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
    """Returns the rows of the part `first_picture`, sorted by the kind of wait in the order of WAITS."""
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


def freshness(parts: Parts) -> Iterator[str]:
    ages_found, waits = rows(parts, "freshness", kind="age"), rows(parts, "freshness", kind="cold")
    yield from table(
        "Reader", "frames/s", "Age ms, median", "95 %", "First picture ms, new camera", "known camera, median"
    )
    for found in ages_found:
        same = [wait for wait in waits if (wait["what"], wait["rate"]) == (found["what"], found["rate"])]
        first = [number(wait[name], 0) for wait in same for name in ("first_ms", "ms_p50")] or ["", ""]
        yield cells(BESIDE[found["what"]], found["rate"], *ages(found), *first)
    yield ""
    yield from table(
        "Program", "Cameras", "Viewers", "frames/s", "CPU ms per viewer-second", "Mbit/s each", "MB", "Machine busy"
    )
    for found in [*rows(parts, "freshness", kind="viewers"), *rows(parts, "freshness", kind="wall")]:
        yield cells(
            BESIDE[found["what"]],
            found.get("cameras", 1),
            found.get("viewers", found.get("cameras")),
            f"{found['fps_least']:.1f}",
            f"{found['cpu_ms_per_viewer_second']:.2f}",
            f"{found['mbit_per_viewer']:.2f}",
            f"{found['memory_mb']:.0f}",
            busy(found),
        )
    yield from missing(parts, "freshness")


BESIDE = {
    "marker reader": "a reader that ends pictures at the marker bit",
    "original": "this product, `original`",
    "go2rtc": "go2rtc",
}

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
    """Yields a line of text for each measurement of `part` that was left out, with the reason."""
    for found in parts[part]["rows"]:
        if "left_out" in found:
            yield ""
            yield f"Not measured: {found['left_out']} ({found['why']})."

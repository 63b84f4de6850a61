"""The metrics in Prometheus's text format.

The usage comes from Redis, so each worker answers for all workers; the health of cameras comes from the database.
docs/metrics.md explains the metrics. No metric names a person. Without Redis, only `gate_up` and `gate_refuses` remain:
the health of cameras is left out as well, although the database has it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from streaming import errors
from streaming.complaints import MEANINGS
from streaming.health.overview import Overview
from streaming.ingest.condition import State
from streaming.reports.counters import WAITED, bounds_of
from streaming.viewing.protocol import FORMATS

__all__ = ["CONTENT_TYPE", "exposition", "families"]

Totals = Mapping[str, float]  # counter -> sum over all workers; streaming/reports/counters.py lists them

GATE = {  # metric -> figure of the gate, help text
    "streams_in_use": ("in_use", "Streams in use now, over all workers."),
    "streams_limit": ("limit", "Maximum number of streams at once."),
    "streams_available": ("available", "Streams that can still be opened; 0 while the gate is recovering."),
    "streams_available_ordinary": (
        "available_ordinary",
        "Streams that users without reserved slots can still open.",
    ),
    "streams_waiting": ("waiting", "Viewers that wait in line for a slot."),
    "streams_over_limit": ("over", "Streams above a lowered limit; they go on until they end."),
    "streams_reserved": ("reserved", "Slots that are reserved for a group."),
    "streams_mbps": ("mbps", "Mbit/s of all streams and stills together, as measured."),
    "streams_counted_mbps": (
        "counted_mbps",
        "Mbit/s that are reserved for current viewers; admission uses this figure.",
    ),
    "streams_max_mbps": ("max_mbps", "Bandwidth limit of all streams in Mbit/s; 0 is unlimited."),
}
COUNTS = {  # metric without its _total -> counter, help text
    "streams_granted": ("granted", "Streams that got a slot."),
    "streams_reclaimed": ("reclaimed", "Slots whose lease ended without renewal."),
    "streams_lost": ("lost", "Streams that ended because their slot was lost."),
    "streams_stopped": ("stopped", "Streams that an administrator stopped."),
    "streams_gave_up": ("gave_up", "Viewers that left the line without a slot."),
    "streams_bytes_sent": ("bytes", "Bytes of frames sent to viewers."),
}
HISTOGRAMS = {  # metric -> counter, help text
    "streams_first_picture_seconds": ("first_picture", "From the request for a slot to the first frame sent."),
    "streams_admission_seconds": (
        "admission",
        "From the request for a slot to the slot, including the wait for a recovering gate.",
    ),
    "streams_waited_seconds": (WAITED, "From joining the line to the slot."),
}


def _limit_reasons(kind: type[errors.LimitReachedError] = errors.LimitReachedError) -> Iterator[str]:
    yield kind.reason
    for subclass in kind.__subclasses__():
        yield from _limit_reasons(subclass)


# Each reason has a sample from the start: without a 0 before it, Prometheus does not see the first refusal as an increase.
LIMIT_REASONS = tuple(dict.fromkeys(_limit_reasons()))
REFUSAL_REASONS = (
    *LIMIT_REASONS,
    *(
        kind.reason
        for kind in (
            errors.CameraNotFoundError,
            errors.NoStreamUrlError,
            errors.NotAuthenticatedError,
            errors.PermissionDeniedError,
            errors.StoppedByAdministratorError,
            errors.CameraUnreachableError,
            errors.GateUnavailableError,
            errors.DrainingError,
            errors.ProtocolError,
        )
    ),
)


class _Snapshot(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(system: Mapping[str, Any], totals: Totals | None, health: Overview | None = None) -> bytes:
    """Returns the metrics as the body of the answer to Prometheus. `system`: the result of `UsageReport.system`.

    `totals`: counter -> sum over all workers; None if Redis did not answer. `health`: of cameras; None if the database
    did not answer.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(families(system, totals, health)))
    return generate_latest(registry)


def families(system: Mapping[str, Any], totals: Totals | None, health: Overview | None) -> Iterator[Metric]:
    gate = system["gate"]
    up = totals is not None and gate["state"] != "unavailable"
    yield GaugeMetricFamily("gate_up", "Whether the gate (Redis) answers and accepts writes.", up)
    refuses = GaugeMetricFamily(
        "gate_refuses", "1 for the error code with which Redis refuses writes.", labels=["answer"]
    )
    for answer in MEANINGS:
        refuses.add_metric([answer], answer == gate.get("answer"))
    yield refuses
    if totals is None or not up:
        return
    recovering = gate["state"] == "recovering"
    yield GaugeMetricFamily("gate_recovering", "Whether new viewers wait because Redis has lost its data.", recovering)
    for name, (figure, help) in GATE.items():
        yield GaugeMetricFamily(name, help, gate[figure])
    yield GaugeMetricFamily("workers", "Workers that report to the gate.", len(system["workers"]))
    yield from _counters(totals)
    for name, (prefix, help) in HISTOGRAMS.items():
        yield _histogram(name, help, totals, prefix)
    yield from _cameras(system["cameras"], totals)
    if health is not None:
        yield from _health(health)


def _counters(totals: Totals) -> Iterator[Metric]:
    for name, (counter, help) in COUNTS.items():
        yield CounterMetricFamily(name, help, totals.get(counter, 0))
    formats = tuple(FORMATS.values())
    yield _by("streams_refused", "Refused viewers.", "reason", totals, "refused", REFUSAL_REASONS)
    yield _by(
        "streams_would_refuse",
        "Viewers that the limits of a dry run would have refused.",
        "reason",
        totals,
        "would_refuse",
        LIMIT_REASONS,
    )
    yield _by("streams_frames_sent", "Frames sent to viewers.", "format", totals, "frames", formats)
    yield _by("streams_frames_dropped", "Frames dropped for slow viewers.", "format", totals, "dropped", formats)


def _by(name: str, help: str, label: str, totals: Totals, counter: str, known: Sequence[str] = ()) -> Metric:
    """Returns the metric `name` from the counters `<counter>:<kind>` of `totals`, with the kind as `label`.

    It has the `known` kinds even if they are 0. `help`: the metric's help text.
    """
    prefix = f"{counter}:"
    found = {key.removeprefix(prefix): amount for key, amount in totals.items() if key.startswith(prefix)}
    family = CounterMetricFamily(name, help, labels=[label])
    for kind, amount in {**dict.fromkeys(known, 0), **found}.items():
        family.add_metric([kind], amount)
    return family


def _histogram(name: str, help: str, totals: Totals, prefix: str) -> Metric:
    """Returns the histogram `name` from the counters of `totals` that begin with `prefix`. `help`: its help text.

    Redis counts an observation in one bucket. Prometheus expects it in all larger buckets as well.
    """
    bounds = bounds_of(prefix)
    counts = accumulate(totals.get(f"{prefix}:le:{bound}", 0) for bound in (*bounds, "inf"))
    buckets = list(zip([*(str(float(bound)) for bound in bounds), "+Inf"], counts, strict=True))
    return HistogramMetricFamily(name, help, buckets=buckets, sum_value=totals.get(f"{prefix}:sum", 0))


def _cameras(cameras: Iterable[Mapping[str, Any]], totals: Totals) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "cameras_state",
        "1 for the current state of a watched camera, 0 for the other states.",
        labels=["camera", "name", "state"],
    )
    viewers = GaugeMetricFamily("cameras_viewers", "Streams of a camera in use now.", labels=["camera"])
    mbps = GaugeMetricFamily("cameras_mbps", "Mbit/s that all viewers of a camera are sent.", labels=["camera"])
    for camera in cameras:
        for state in State:
            states.add_metric([camera["id"], camera["name"], state.value], camera["state"] == state.value)
        viewers.add_metric([camera["id"]], camera["viewers"])
        mbps.add_metric([camera["id"]], camera["mbps"])
    yield from (states, viewers, mbps)
    yield _by("cameras_reopened", "How often a lost camera was opened again.", "camera", totals, "reopened")


def _health(health: Overview) -> Iterator[Metric]:
    counts = GaugeMetricFamily("cameras_health", "Enabled cameras by their health.", labels=["state"])
    for state, count in health.counts.items():
        counts.add_metric([state], count)
    problems = GaugeMetricFamily(
        "cameras_problem",
        "1 for each enabled camera that could not be read at the last attempt.",
        labels=["camera", "name", "problem"],
    )
    for problem in health.problems:
        problems.add_metric(problem, 1)
    yield from (counts, problems)

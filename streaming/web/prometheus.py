"""What Prometheus scrapes, in its text format. Every figure comes from Redis, so any worker's answer is the cluster's.

docs/metrics.md tells what each means. Nothing here names a person, and where the gate does not answer nothing is made up.
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
from streaming.ingest.condition import State
from streaming.reports.counters import BOUNDS
from streaming.viewing.protocol import FORMATS

__all__ = ["CONTENT_TYPE", "exposition", "families"]

Totals = Mapping[str, float]  # counter -> what all workers have counted, see streaming/reports/counters.py

GATE = {  # metric -> its figure among the gate's, and what it says
    "streams_in_use": ("in_use", "Streams that are watched now, over all workers."),
    "streams_limit": ("limit", "Streams that may be watched at once."),
    "streams_available": ("available", "Streams that may still be opened; 0 while the gate is recovering."),
    "streams_available_ordinary": (
        "available_ordinary",
        "Streams that may still be opened by those for whom none are reserved.",
    ),
    "streams_over_limit": ("over", "Streams above a limit that was lowered; they drain."),
    "streams_reserved": ("reserved", "Streams of the limit that are kept for the group of operators."),
    "streams_mbps": ("mbps", "Mbit/s that all streams and stills take together, as measured."),
    "streams_counted_mbps": ("counted_mbps", "Mbit/s that all streams are counted with: what admission goes by."),
    "streams_max_mbps": ("max_mbps", "Mbit/s that all streams may take together; 0 for any."),
}
COUNTS = {  # metric without its _total -> its counter, and what it says
    "streams_granted": ("granted", "Streams that got a slot."),
    "streams_reclaimed": ("reclaimed", "Slots that lapsed because nobody renewed them."),
    "streams_lost": ("lost", "Streams that ended because their slot was lost."),
    "streams_stopped": ("stopped", "Streams that an administrator stopped."),
    "streams_bytes_sent": ("bytes", "Bytes of frames sent to viewers."),
}
HISTOGRAMS = {
    "streams_first_picture_seconds": ("first_picture", "From a viewer's asking for a slot to the first picture sent."),
    "streams_admission_seconds": (
        "admission",
        "From a viewer's asking for a slot to having one, the wait of a recovering gate included.",
    ),
}


def _limits(kind: type[errors.LimitReachedError] = errors.LimitReachedError) -> Iterator[str]:
    yield kind.reason
    for narrower in kind.__subclasses__():
        yield from _limits(narrower)


# There from the start, with 0: the first refusal of a kind would else be no increase of anything.
LIMITS = tuple(dict.fromkeys(_limits()))
REFUSALS = (
    *LIMITS,
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


class _Reading(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(system: Mapping[str, Any], totals: Totals | None) -> bytes:
    """The answer to a scrape. `system` is `UsageReport.system()`; `totals` is None where Redis did not tell them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Reading(families(system, totals)))
    return generate_latest(registry)


def families(system: Mapping[str, Any], totals: Totals | None) -> Iterator[Metric]:
    gate = system["gate"]
    up = totals is not None and gate["state"] != "unavailable"
    yield GaugeMetricFamily("gate_up", "Whether the gate (Redis) answers and accepts writes.", up)
    refuses = GaugeMetricFamily("gate_refuses", "1 for the error code with which Redis refuses.", labels=["answer"])
    for answer in MEANINGS:
        refuses.add_metric([answer], answer == gate.get("answer"))
    yield refuses
    if totals is None or not up:
        return
    recovering = gate["state"] == "recovering"
    yield GaugeMetricFamily("gate_recovering", "Whether newcomers wait because Redis has lost its data.", recovering)
    for name, (figure, says) in GATE.items():
        yield GaugeMetricFamily(name, says, gate[figure])
    yield GaugeMetricFamily("workers", "Workers that report to the gate.", len(system["workers"]))
    yield from _counters(totals)
    for name, (prefix, says) in HISTOGRAMS.items():
        yield _histogram(name, says, totals, prefix)
    yield from _cameras(system["cameras"], totals)


def _counters(totals: Totals) -> Iterator[Metric]:
    for name, (counter, says) in COUNTS.items():
        yield CounterMetricFamily(name, says, totals.get(counter, 0))
    formats = tuple(FORMATS.values())
    yield _by("streams_refused", "Viewers that were refused.", "reason", totals, "refused", REFUSALS)
    yield _by(
        "streams_would_refuse",
        "Viewers that limits in dry run would have refused.",
        "reason",
        totals,
        "would_refuse",
        LIMITS,
    )
    yield _by("streams_frames_sent", "Frames sent to viewers.", "format", totals, "frames", formats)
    yield _by("streams_frames_dropped", "Frames that slow viewers were spared.", "format", totals, "dropped", formats)


def _by(name: str, says: str, label: str, totals: Totals, counter: str, known: Sequence[str] = ()) -> Metric:
    """A counter of Redis's that has a kind: `<counter>:<kind>`."""
    prefix = f"{counter}:"
    found = {key.removeprefix(prefix): amount for key, amount in totals.items() if key.startswith(prefix)}
    family = CounterMetricFamily(name, says, labels=[label])
    for kind, amount in {**dict.fromkeys(known, 0), **found}.items():
        family.add_metric([kind], amount)
    return family


def _histogram(name: str, says: str, totals: Totals, prefix: str) -> Metric:
    """Redis counts an observation in its own bucket only, Prometheus in all that it would fit into."""
    counts = accumulate(totals.get(f"{prefix}:le:{bound}", 0) for bound in (*BOUNDS, "inf"))
    buckets = list(zip([*(str(float(bound)) for bound in BOUNDS), "+Inf"], counts, strict=True))
    return HistogramMetricFamily(name, says, buckets=buckets, sum_value=totals.get(f"{prefix}:sum", 0))


def _cameras(cameras: Iterable[Mapping[str, Any]], totals: Totals) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "cameras_state",
        "1 for the state that a watched camera is in, 0 for the others.",
        labels=["camera", "name", "state"],
    )
    viewers = GaugeMetricFamily("cameras_viewers", "Streams of a camera that are watched now.", labels=["camera"])
    mbps = GaugeMetricFamily("cameras_mbps", "Mbit/s that a camera's viewers take together.", labels=["camera"])
    for camera in cameras:
        for state in State:
            states.add_metric([camera["id"], camera["name"], state.value], camera["state"] == state.value)
        viewers.add_metric([camera["id"]], camera["viewers"])
        mbps.add_metric([camera["id"]], camera["mbps"])
    yield from (states, viewers, mbps)
    yield _by("cameras_reopened", "Times that a lost camera was opened again.", "camera", totals, "reopened")

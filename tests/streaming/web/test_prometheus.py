"""The metrics for Prometheus, from fixed figures. tests/acceptance/test_metrics.py scrapes real workers."""

from typing import Any

import pytest

from streaming.health.overview import Overview, Problem
from streaming.web.prometheus import exposition
from tests.promtool import Promtool, samples_of

YARD, GATE = "6a4f7f5e-0000-4000-8000-000000000001", "6a4f7f5e-0000-4000-8000-000000000002"
SYSTEM: dict[str, Any] = {
    "time": 1_772_000_000_000.0,
    "gate": {
        "in_use": 9,
        "limit": 8,
        "available": 0,
        "available_ordinary": 0,
        "state": "open",
        "waiting": 3,
        "over": 1,
        "reserved": 2,
        "mbps": 17.25,
        "counted_mbps": 19.5,
        "max_mbps": 20.0,
        "level": "full",
    },
    "viewers": [
        {
            "id": "host-1-abc:0123456789abcdef",
            "user": "eve.the-person",
            "user_id": "4711",
            "camera": "Yard",
            "camera_id": YARD,
            "quality": "low",
            "address": "192.0.2.77",
            "since": 1_772_000_000_000.0,
            "worker": "host-1-abc",
            "mbps": 1.5,
        }
    ],
    "workers": [{"id": "host-1-abc", "cameras": 2, "viewers": 9}, {"id": "host-2-def", "cameras": 1, "viewers": 0}],
    "cameras": [
        {"id": YARD, "name": 'The "yard"\\\n', "state": "live", "viewers": 8, "mbps": 16.0},
        {"id": GATE, "name": "Tor Süd", "state": "reconnecting", "viewers": 1, "mbps": 1.25},
    ],
}
TOTALS: dict[str, float] = {
    "granted": 120,
    "refused:limit_reached": 7,
    "refused:a_reason_of_tomorrow": 1,
    "would_refuse:limit_reached": 3,
    "arrivals:4": 2,
    "reclaimed": 4,
    "lost": 1,
    "stopped": 2,
    "frames:jpeg": 5_000,
    "frames:h264": 9_000,
    "dropped:jpeg": 12,
    "bytes": 123_456_789_012,
    f"reopened:{GATE}": 6,
    "first_picture:le:0.1": 50,
    "first_picture:le:1": 30,
    "first_picture:le:inf": 2,
    "first_picture:sum": 61.5,
    "first_picture:count": 82,
    "admission:le:0.001": 100,
    "admission:le:0.0025": 27,
    "admission:sum": 0.125,
    "admission:count": 127,
    "waited:le:10": 2,
    "waited:le:3600": 3,
    "waited:le:inf": 1,
    "waited:sum": 9_000.5,
    "waited:count": 6,
    "gave_up": 5,
}

HEALTH = Overview({"never_tried": 3, "reachable": 40, "unreachable": 1}, [Problem(GATE, "Tor Süd", "unreachable")])


@pytest.fixture
def text() -> bytes:
    return exposition(SYSTEM, TOTALS, HEALTH)


@pytest.mark.parametrize("totals", [{}, TOTALS, None], ids=["a new installation", "a busy one", "Redis away"])
def test_prometheus_finds_nothing_wrong_with_names_types_and_units(
    promtool: Promtool, totals: dict[str, float] | None
) -> None:
    promtool.check_metrics(exposition(SYSTEM, totals, HEALTH))


def test_the_gate_s_figures_are_those_of_the_page(text: bytes) -> None:
    samples = samples_of(text)
    assert samples["gate_up"] == 1
    assert samples["gate_recovering"] == 0
    assert samples["streams_in_use"] == 9
    assert samples["streams_limit"] == 8
    assert samples["streams_available"] == 0
    assert samples["streams_waiting"] == 3
    assert samples["streams_over_limit"] == 1
    assert samples["streams_reserved"] == 2
    assert (samples["streams_mbps"], samples["streams_counted_mbps"]) == (17.25, 19.5)
    assert samples["streams_max_mbps"] == 20
    assert samples["workers"] == 2


def test_counters_have_labels_for_reason_format_and_camera(text: bytes) -> None:
    samples = samples_of(text)
    assert samples["streams_granted_total"] == 120
    assert samples['streams_refused_total{reason="limit_reached"}'] == 7
    assert samples['streams_refused_total{reason="a_reason_of_tomorrow"}'] == 1
    assert samples['streams_would_refuse_total{reason="limit_reached"}'] == 3
    assert samples["streams_reclaimed_total"] == 4
    assert samples["streams_lost_total"] == 1
    assert samples["streams_stopped_total"] == 2
    assert samples["streams_gave_up_total"] == 5
    assert samples['streams_frames_sent_total{format="h264"}'] == 9_000
    assert samples['streams_frames_dropped_total{format="jpeg"}'] == 12
    assert samples["streams_bytes_sent_total"] == 123_456_789_012
    assert samples[f'cameras_reopened_total{{camera="{GATE}"}}'] == 6
    assert not [name for name in samples if "arrivals" in name]


def test_each_known_label_has_a_sample_of_0_from_the_start() -> None:
    """Without it, the first refusal would not show as an increase, and would cause no alert."""
    samples = samples_of(exposition(SYSTEM, {}))
    for reason in ("limit_reached", "user_limit_reached", "gate_unavailable", "permission_denied", "draining"):
        assert samples[f'streams_refused_total{{reason="{reason}"}}'] == 0
    assert samples['streams_would_refuse_total{reason="limit_reached"}'] == 0
    for format in ("jpeg", "h264"):
        assert samples[f'streams_frames_sent_total{{format="{format}"}}'] == 0
        assert samples[f'streams_frames_dropped_total{{format="{format}"}}'] == 0


def test_a_histogram_s_buckets_add_up(text: bytes) -> None:
    samples = samples_of(text)
    name = "streams_first_picture_seconds"
    buckets = {key: value for key, value in samples.items() if key.startswith(f"{name}_bucket")}
    assert buckets[f'{name}_bucket{{le="0.05"}}'] == 0
    assert buckets[f'{name}_bucket{{le="0.1"}}'] == buckets[f'{name}_bucket{{le="0.5"}}'] == 50
    assert buckets[f'{name}_bucket{{le="1.0"}}'] == buckets[f'{name}_bucket{{le="10.0"}}'] == 80
    assert buckets[f'{name}_bucket{{le="+Inf"}}'] == samples[f"{name}_count"] == 82
    assert samples[f"{name}_sum"] == 61.5
    assert list(buckets.values()) == sorted(buckets.values())


def test_the_time_in_line_has_buckets_of_minutes(text: bytes) -> None:
    samples = samples_of(text)
    name = "streams_waited_seconds"
    assert samples[f'{name}_bucket{{le="10.0"}}'] == samples[f'{name}_bucket{{le="600.0"}}'] == 2
    assert samples[f'{name}_bucket{{le="3600.0"}}'] == 5
    assert samples[f'{name}_bucket{{le="+Inf"}}'] == samples[f"{name}_count"] == 6
    assert samples[f"{name}_sum"] == 9_000.5


def test_a_camera_has_its_name_one_state_and_its_viewers(text: bytes) -> None:
    samples = samples_of(text)
    name = r"The \"yard\"\\\n"
    states = {
        state: samples[f'cameras_state{{camera="{YARD}",name="{name}",state="{state}"}}']
        for state in ("connecting", "live", "reconnecting")
    }
    assert states == {"connecting": 0, "live": 1, "reconnecting": 0}
    assert samples[f'cameras_state{{camera="{GATE}",name="Tor Süd",state="reconnecting"}}'] == 1
    assert samples[f'cameras_viewers{{camera="{YARD}"}}'] == 8
    assert samples[f'cameras_mbps{{camera="{GATE}"}}'] == 1.25


def test_the_health_of_cameras_is_counted_and_problems_are_named(text: bytes) -> None:
    samples = samples_of(text)
    assert samples['cameras_health{state="never_tried"}'] == 3
    assert samples['cameras_health{state="reachable"}'] == 40
    assert samples[f'cameras_problem{{camera="{GATE}",name="Tor Süd",problem="unreachable"}}'] == 1


def test_without_the_database_the_other_metrics_remain() -> None:
    samples = samples_of(exposition(SYSTEM, TOTALS, None))
    assert samples["streams_in_use"] == 9
    assert not [name for name in samples if name.startswith(("cameras_health", "cameras_problem"))]


def test_no_metric_names_a_person(text: bytes) -> None:
    for secret in (b"eve.the-person", b"4711", b"192.0.2.77", b"host-1-abc"):
        assert secret not in text


@pytest.mark.parametrize("lost", ["usage", "totals"])
def test_without_the_gate_its_figures_are_left_out(lost: str) -> None:
    gone = {"gate": {"in_use": None, "limit": 10, "available": 0, "state": "unavailable"}, "workers": [], "cameras": []}
    text = exposition(gone, TOTALS) if lost == "usage" else exposition(SYSTEM, None)
    assert {name: value for name, value in samples_of(text).items() if not name.startswith("gate_refuses")} == {
        "gate_up": 0
    }


def test_the_error_code_of_redis_is_a_label() -> None:
    refusing = {"gate": {**SYSTEM["gate"], "state": "unavailable", "answer": "OOM"}, "workers": [], "cameras": []}
    for system, expected in ((refusing, ['gate_refuses{answer="OOM"}']), (SYSTEM, [])):
        samples = samples_of(exposition(system, TOTALS))
        assert [name for name, value in samples.items() if name.startswith("gate_refuses") and value] == expected

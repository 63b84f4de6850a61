"""The files for Prometheus and Grafana: promtool accepts them, and their metrics exist."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cameras.management.commands.cluster import DEPLOY
from streaming.web.prometheus import exposition
from tests.promtool import Promtool
from tests.streaming.web.test_prometheus import HEALTH, SYSTEM, TOTALS

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "nvr-live.json").read_text())
ALERTS = DEPLOY / "prometheus-alerts.yml"

# Words of a query that are not metrics or labels.
LANGUAGE = {
    *("absent", "histogram_quantile", "increase", "max", "min", "rate", "sum"),
    *("by", "group_left", "on", "without", "reason", "camera", "name", "problem", "state", "format", "le", "instance"),
}


def exposed() -> set[str]:
    return set(re.findall(r"^([a-z_]+)", exposition(SYSTEM, TOTALS, HEALTH).decode(), re.M))


def metrics_of(expression: str) -> set[str]:
    """The metrics of a query."""
    bare = re.sub(r'"[^"]*"', "", expression)  # label values
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)  # labels, ranges
    return set(re.findall(r"[a-zA-Z_]\w*", bare)) - LANGUAGE


def queries(panels: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for panel in panels:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def alerts() -> list[str]:
    return re.findall(r"^ +expr: (?:>-\n +)?(.+)$", ALERTS.read_text(), re.M)


def test_metrics_are_found_in_queries() -> None:
    query = 'sum by (reason) (rate(streams_refused_total{job="a", reason=~".+_reached"}[5m])) / max(streams_limit) > 0'
    assert metrics_of(query) == {"streams_refused_total", "streams_limit"}


@pytest.mark.parametrize(("title", "query"), list(queries(DASHBOARD["panels"])))
def test_a_panel_queries_exposed_metrics(title: str, query: str) -> None:
    assert metrics_of(query)
    assert metrics_of(query) <= exposed()


@pytest.mark.parametrize("query", alerts())
def test_an_alert_queries_exposed_metrics(query: str) -> None:
    assert metrics_of(query)
    assert metrics_of(query) <= exposed()


def test_every_metric_is_on_the_dashboard_except_those_that_others_cover() -> None:
    shown = {name for _, query in queries(DASHBOARD["panels"]) for name in metrics_of(query)}
    families = set(re.findall(r"^# TYPE (\w+)", exposition(SYSTEM, TOTALS, HEALTH).decode(), re.M))
    missing = {name for name in families if name not in shown and f"{name}_bucket" not in shown}
    available = {"streams_available", "streams_available_ordinary"}
    assert missing == {"gate_recovering", "gate_refuses", "streams_reserved", "cameras_mbps", *available}


def test_prometheus_accepts_all_queries_of_the_dashboard(promtool: Promtool, tmp_path: Path) -> None:
    variables = {"$__rate_interval": "1m", "$__range": "1h", "$job": "nvr"}
    rules = []
    for number, (_, query) in enumerate(queries(DASHBOARD["panels"])):
        for variable, value in variables.items():
            query = query.replace(variable, value)
        rules.append({"record": f"dashboard:query_{number}", "expr": query})
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool.check("check", "rules", file)


def test_grafana_can_import_the_dashboard() -> None:
    """Checked without Grafana: required fields, unique ids, no overlapping panels."""
    assert DASHBOARD["schemaVersion"] >= 38  # Grafana 10
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The files, installed as docs/metrics.md describes."""
    for name in ("prometheus.yml", "prometheus-alerts.yml"):
        shutil.copy(DEPLOY / name, tmp_path)
    shutil.copy(Path(__file__).with_name("prometheus-alerts-test.yml"), tmp_path)
    (tmp_path / "nvr-metrics-token").write_text("a token of sixteen characters or more\n")
    return tmp_path


def test_prometheus_accepts_its_configuration_and_the_alerts(promtool: Promtool, installed: Path) -> None:
    promtool.check("check", "config", "--lint-fatal", installed / "prometheus.yml")


def test_alerts_fire_when_they_should_and_not_before(promtool: Promtool, installed: Path) -> None:
    promtool.check("test", "rules", installed / "prometheus-alerts-test.yml")


def test_every_alert_is_tested() -> None:
    tried = set(re.findall(r"alertname: (\w+)", Path(__file__).with_name("prometheus-alerts-test.yml").read_text()))
    assert tried == set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))

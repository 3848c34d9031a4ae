"""The metrics, the page that explains them, the dashboard and the alert rules: each speaks of what the others have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY, Counter

from streamhooks import metrics
from streamhooks.kafka.topics import Topics
from streamhooks.sources.kinds import SourceKind

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "observability"
DOCS = (ROOT / "docs" / "metrics.md").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((FOLDER / "grafana" / "dashboards" / "streamhooks.json").read_text())

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
#: what Prometheus itself knows of each target
_OF_PROMETHEUS = {"up"}


def emitted() -> dict[str, tuple[str, set[str]]]:
    """Every metric as the page names it, its type and its labels; the `_created` ones are told there in a sentence."""
    assert metrics.READY
    found = {}
    for metric in REGISTRY.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        collector = REGISTRY._names_to_collectors.get(metric.name)
        labels = set(getattr(collector, "_labelnames", ())) or {k for s in metric.samples for k in s.labels}
        found[name] = (metric.type, labels - {"le"})
    return found


EMITTED = emitted()
EXPRESSIONS = [(f"alert {rule['alert']}", rule["expr"]) for rule in RULES] + [
    (f"panel {panel['title']}", target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", ())
]


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of an expression, each with the labels that it is selected by. Raises ValueError for bad syntax."""
    tree = promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, promql_parser.VectorSelector):
            yield node.name, {matcher.name for matcher in node.matchers.matchers}
        todo += [
            child
            for name in ("expr", "lhs", "rhs", "vector_selector", "param")
            if (child := getattr(node, name, None)) is not None
        ]
        todo += getattr(node, "args", None) or []


def family(sample: str) -> str:
    """The name under which the page has the metric of a sample."""
    return re.sub(r"_(bucket|sum|count)$", "", sample) if sample not in EMITTED else sample


# --- the page


def rows() -> list[tuple[str, str]]:
    return re.findall(r"^\| `((?:streamhooks|process|python)_\w+)` \| ([^|]+) \|", DOCS, re.MULTILINE)


def test_the_page_names_every_metric_and_no_other():
    named = [name for name, _ in rows()]
    assert sorted(named) == sorted(EMITTED)


def test_the_page_says_types_and_labels():
    for name, told in rows():
        kind, *labels = [part.strip() for part in told.split(",")]
        known_kind, known_labels = EMITTED[name]
        if name == "python_info":
            known_kind, known_labels, labels = "gauge", set(), []
        assert (name, kind, set(labels)) == (name, known_kind, known_labels)


def test_the_page_names_every_alert_and_no_other():
    named = re.findall(r"^\| `(Streamhooks\w+)` \|", DOCS, re.MULTILINE)
    assert sorted(named) == sorted(rule["alert"] for rule in RULES)


# --- dashboard and rules


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_an_expression_selects_what_there_is(where: str, expression: str) -> None:
    found = list(selectors(expression))
    assert found
    for sample, labels in found:
        if sample in _OF_PROMETHEUS:
            continue
        kind, known = EMITTED[family(sample)]
        suffixes = _SUFFIXES.get(kind, ("",))
        assert sample.endswith(suffixes), f"{sample} is no sample of a {kind}"
        assert labels <= known | {"job", "instance"}, f"{sample} has no {labels - known}"


def test_an_expression_that_is_wrong_is_found():
    with pytest.raises(ValueError, match=r"."):
        list(selectors("rate(streamhooks_records_total[5m]"))


def test_labels_that_are_grouped_by_exist():
    for where, expression in EXPRESSIONS:
        known = {label for sample, _ in selectors(expression) for label in EMITTED.get(family(sample), ("", set()))[1]}
        for listed in re.findall(r"\bby \(([^)]*)\)", expression):
            assert {label.strip() for label in listed.split(",")} <= known | {"le", "instance"}, where


def test_every_alert_says_how_bad_it_is_and_what_is_wrong():
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"]


def test_panels_lie_side_by_side_and_have_ids_of_their_own():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_what_matters_most_is_shown_and_alerted():
    for source in ("panel", "alert"):
        found = {
            family(sample) for where, expr in EXPRESSIONS if where.startswith(source) for sample, _ in selectors(expr)
        }
        for name in ("ready", "lag_seconds", "oldest_undelivered_seconds", "disabled_hooks", "dead_letters_total"):
            assert f"streamhooks_{name}" in found, source


def test_tasks_of_users_are_shown_and_alerted():
    found = {
        source: {
            family(sample) for where, expr in EXPRESSIONS if where.startswith(source) for sample, _ in selectors(expr)
        }
        for source in ("panel", "alert")
    }
    shown = (
        "task_places_free",
        "task_places_taken",
        "unknown_task_calls",
        "moved_calls_total",
        "unclean_takeovers_total",
    )
    assert {f"streamhooks_{name}" for name in shown} <= found["panel"]
    assert {"streamhooks_task_places_free", "streamhooks_unknown_task_calls"} <= found["alert"]


# --- compose


def mounts(service: str) -> dict[str, str]:
    """Where files of this repository lie in a container."""
    given = [volume.split(":") for volume in COMPOSE["services"][service]["volumes"]]
    return {parts[1]: parts[0] for parts in given if parts[0].startswith("./")}


@pytest.mark.parametrize("service", ["prometheus", "grafana"])
def test_compose_starts_it_only_when_asked_and_mounts_what_is_there(service: str) -> None:
    assert COMPOSE["services"][service]["profiles"] == ["observability"]
    assert mounts(service)
    for path in mounts(service).values():
        assert (ROOT / path).exists(), path


def test_prometheus_finds_its_files_the_token_and_the_workers():
    config = yaml.safe_load((ROOT / mounts("prometheus")["/etc/prometheus/prometheus.yml"]).read_text())
    assert set(config["rule_files"]) <= mounts("prometheus").keys()
    (job,) = config["scrape_configs"]
    (given,) = COMPOSE["services"]["prometheus"]["configs"]
    assert given["target"] == job["authorization"]["credentials_file"]
    token = COMPOSE["configs"][given["source"]]["content"]
    assert token == COMPOSE["services"]["worker-1"]["environment"]["STREAMHOOKS_API_TOKEN"]
    targets = job["static_configs"][0]["targets"]
    assert sorted(targets) == sorted(f"{name}:6066" for name in COMPOSE["services"] if name.startswith("worker-"))
    assert set(re.findall(r'job="(\w+)"', str(RULES))) == {job["job_name"]}


def test_grafana_finds_prometheus_and_the_dashboard():
    provisioning = ROOT / mounts("grafana")["/etc/grafana/provisioning"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    port = COMPOSE["services"]["prometheus"]["ports"][0].split(":")[-1]
    assert source["url"] == f"http://prometheus:{port}"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "streamhooks.yml").read_text())["providers"]
    home = COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folder, name = home.rsplit("/", 1)
    assert folder == provider["options"]["path"]
    assert (ROOT / mounts("grafana")[folder] / name).exists()


def test_each_counter_is_there_before_it_counts() -> None:
    """A panel of what has not happened shows 0, and the first time is an increase for a rule."""
    topics = Topics("zero.")
    metrics.begin_at_zero(topics, [kind.topic(topics) for kind in SourceKind], ["a.task"])
    counters = [one for one in vars(metrics).values() if isinstance(one, Counter)]
    assert len(counters) > 20
    for counter in counters:
        (family,) = counter.collect()
        found = {tuple(one.labels.values()) for one in family.samples if one.name.endswith("_total")}
        assert found, family.name
        if "topic" in counter._labelnames:
            assert any(labels[0].startswith("zero.") for labels in found), family.name
        if "task" in counter._labelnames:
            assert any(labels[0] == "a.task" for labels in found), family.name
    broken = {one.labels["topic"] for one in next(iter(metrics.BROKEN.collect())).samples}
    assert {topics.events, topics.alerts, topics.resource_changes, topics.hooks, topics.delayed} <= broken

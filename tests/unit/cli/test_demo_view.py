from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from streamhooks.cli.demo_view import line, summary, table
from streamhooks.dev.measures import HookCounts, Measures, Received, Target

MEASURES = Measures(
    produced={"messages": 60, "events": 20, "alerts": 11, "resource-changes": 9},
    dead=4,
    hooks={
        "/good": HookCounts(fired=70, delivered=70, latest="delivered: 200"),
        "/bad": HookCounts(fired=30, delivered=13, failed=17, pending=5, latest="retried: 503"),
    },
    received=Received(requests=101, unverified=1, ids=88),
    latency=12.4,
)
TARGETS = [
    Target("a" * 32, "/good", "standard: order.*", "answers 200"),
    Target("b" * 32, "/bad", "cloudevents: order.paid", "fails first"),
]


def rendered(measures: Measures, *troubles: str) -> str:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(table(TARGETS, measures, 7.0, troubles))
    return console.export_text()


def test_sums_go_over_all_hooks():
    assert MEASURES.total("delivered") == 83
    assert MEASURES.retried == 13
    assert MEASURES.verified == 100


def test_a_dead_letter_that_is_seen_before_its_attempt_makes_nothing_negative():
    assert replace(MEASURES, dead=18).retried == 0


@pytest.mark.parametrize("text", [line(MEASURES, 7.0), summary(MEASURES), rendered(MEASURES)])
def test_every_form_tells_the_same(text):
    assert "produced 100 (messages 60, events 20, alerts 11, resource-changes 9)" in text
    for name, number in [("delivered", 83), ("retried", 13), ("dead", 4), ("counted", 100), ("unverified", 1)]:
        assert f"{name} {number}" in text
    assert "12 ms" in text


def test_the_line_is_one():
    assert "\n" not in line(MEASURES, 7.0)


def test_the_table_has_a_row_for_each_hook_and_tells_of_what_ended():
    text = rendered(MEASURES, "worker-2 ended with code -9")
    (bad,) = [row for row in text.splitlines() if row.strip().startswith("bad")]
    assert bad.split() == ["bad", "fails", "first", "13", "17", "5", "30", "retried:", "503"]
    assert "worker-2 ended with code -9" in text


def test_before_the_first_message_there_is_no_latency():
    assert "p50 -" in line(replace(MEASURES, latency=None), 0.0)

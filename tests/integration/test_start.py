"""How a worker starts, and what it refuses: one line that says why, never a traceback."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from installation import Installation, event, hook_record
from support import Worker, create_topic, eventually

from streamhooks.dev.ports import free_port


def refusal(worker: Worker) -> str:
    """Start a worker that must refuse, and return the one line in which it does."""
    return line_of(worker.launch())


def line_of(worker: Worker) -> str:
    """Return the one line in which a worker that was started refuses."""
    assert worker.wait(60) != 0
    log = worker.log.read_text()
    assert "Traceback" not in log
    lines = [line for line in log.splitlines() if "streamhooks: " in line]
    assert len(lines) == 1, log
    return lines[0]


#: What is told together, in one line, and what is found only when all that is right.
BAD_SETTINGS = [
    {
        "partitions": "many",
        "retry_delay": "soon",
        "max_retries": 1.5,
        "request_timeout": 0,
        "web_port": 70_000,
        "topic_prefix": "a prefix with spaces",
        "base_url": "example.com",
        "allowed_networks": "127.0.0.1/8,none",
        "denied_networks": "8.8.8.0/24,none",
        "start": "sometime",
        "security_protocol": "TLS",
        "replication": "three",
        "advertise": "http://worker-1",
        "cluster_keys": "too short",
    },
    {"partitions": 0, "retry_delay": -1},
    {"task_modules": "there_is_no_such_module"},
    {"web_bind": "nobody.invalid"},
    {"web_tls_ca": "/there/is/none"},
]


def test_bad_settings(install) -> None:
    workers = [install(**settings).add_worker(start=False).launch() for settings in BAD_SETTINGS]
    for settings, worker in zip(BAD_SETTINGS, workers, strict=True):
        line = line_of(worker)
        assert [name for name in settings if f"STREAMHOOKS_{name.upper()}" not in line] == []


@pytest.mark.parametrize(
    ("name", "value"), [("BROKERS", ""), ("BROKERS", "kafka://127.0.0.1:9092"), ("DATA_DIR", "/proc/streamhooks")]
)
def test_bad_settings_that_every_worker_of_the_tests_has(install, name: str, value: str) -> None:
    worker = install().add_worker(start=False)
    worker._environment[f"STREAMHOOKS_{name}"] = value
    assert f"STREAMHOOKS_{name}: " in refusal(worker)


def test_a_file_of_tls_that_is_not_there(install) -> None:
    line = refusal(install().add_worker(start=False, security_protocol="SSL", tls_ca="/there/is/none"))
    assert "STREAMHOOKS_TLS_CA" in line
    assert "/there/is/none" in line


def test_an_address_of_another_machine(install) -> None:
    line = refusal(install(token="a token of the tests").add_worker(start=False, web_bind="192.0.2.1"))
    assert "STREAMHOOKS_WEB_BIND, _WEB_PORT" in line


def test_an_address_that_is_taken(install) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = refusal(install().add_worker(start=False, web_port=taken.getsockname()[1]))
    assert "STREAMHOOKS_WEB_BIND, _WEB_PORT" in line


@pytest.mark.parametrize(
    ("source", "why"),
    [("def (:", "SyntaxError"), ("raise ValueError('it is' + chr(10) + 'broken')", "ValueError: it is broken")],
)
def test_a_broken_module_of_tasks(
    install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, why: str
) -> None:
    (tmp_path / "broken_tasks.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    line = refusal(install().add_worker(start=False, task_modules="broken_tasks"))
    assert "STREAMHOOKS_TASK_MODULES: broken_tasks" in line
    assert why in line
    assert "broken_tasks.py" in line


def test_more_replicas_than_brokers(install) -> None:
    assert "_REPLICATION" in refusal(install().add_worker(start=False, replication=9))


def test_a_worker_on_ipv6(install, organization: str) -> None:
    one = install()
    worker = one.add_worker(start=False, web_bind="::1")
    worker.base = f"http://[::1]:{worker.port}"
    worker.start()
    hook = one.create_hook(organization)
    one.produce("events", "11", event(organization))
    eventually(lambda: one.totals(hook) == (1, 1, 0))
    assert worker.stop() == 0


def test_sasl_needs_its_user(install) -> None:
    assert "STREAMHOOKS_SASL_" in refusal(install().add_worker(start=False, security_protocol="SASL_SSL"))


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.1"])
def test_open_to_all_needs_a_token(install, bind: str) -> None:
    assert "STREAMHOOKS_API_TOKEN" in refusal(install().add_worker(start=False, web_bind=bind))


@pytest.mark.parametrize(
    ("present", "named"),
    [
        ({"delayed": 2, "firings": 3}, ("delayed", "firings")),
        ({"resources": 2, "resource-changes": 3}, ("resources", "resource-changes")),
        ({"hooks": 2}, ("hooks",)),
    ],
)
def test_wrong_numbers_of_partitions(install, present: dict[str, int], named: tuple[str, ...]) -> None:
    one = install()
    for topic, partitions in present.items():
        create_topic(one.brokers, one.prefix + topic, partitions)
    line = refusal(one.add_worker(start=False))
    assert all(f"{one.prefix}{topic}" in line for topic in named)
    assert "partitions" in line


def test_without_a_kafka_it_waits(tmp_path: Path) -> None:
    # That nobody is there (yet) is no mistake in a setting.
    worker = Worker(f"127.0.0.1:{free_port()}", "t.", tmp_path / "worker").launch()
    try:
        eventually(lambda: "waiting for Kafka" in worker.log.read_text())
        assert worker.running
        # And it can be told to give up: that is no failure either.
        assert worker.stop() == 0
    finally:
        worker.kill()


def test_topics_and_records_that_were_there_before(install, organization: str) -> None:
    one: Installation = install(partitions=2)
    config = {"hooks": (1, {"cleanup_policy": "compact"}), "events": (5, {}), "resources": (3, {})}
    for topic, (partitions, settings) in config.items():
        create_topic(one.brokers, one.prefix + topic, partitions, **settings)
    path, hook_id = one.path(), "ab" * 16
    one.produce("hooks", hook_id, hook_record(hook_id, organization, url=one.receiver.url(path)))
    for partition in range(5):
        one.produce("events", "11", event(organization), partition=partition)
    one.add_worker()
    # By default a new group starts at the earliest.
    eventually(lambda: one.receiver.count(path)["ids"] == 5)


def written_before(install, organization: str, **settings: object) -> tuple[Installation, str]:
    """Return an installation without workers, an event already in its topic, and the path of the hook for it."""
    one: Installation = install(partitions=1, **settings)
    for topic, config in (("events", {}), ("hooks", {"cleanup_policy": "compact"})):
        create_topic(one.brokers, one.prefix + topic, **config)
    path = one.path()
    hook_id = "ab" * 16
    one.produce("hooks", hook_id, hook_record(hook_id, organization, url=one.receiver.url(path)))
    one.produce("events", "11", event(organization, event_id="0" * 32))
    return one, path


def event_ids(one: Installation, path: str, count: int) -> list[str]:
    eventually(lambda: one.receiver.count(path)["requests"] >= count)
    return [request["body"].partition('"event_id":"')[2][:32] for request in one.receiver.requests(path)]


def test_a_topic_that_forgets_is_told(install, organization: str) -> None:
    # As a broker makes it by itself (auto.create.topics.enable) when somebody writes before the first worker starts.
    one: Installation = install(partitions=1)
    create_topic(one.brokers, f"{one.prefix}hooks")
    create_topic(one.brokers, f"{one.prefix}hook-states", cleanup_policy="compact")
    log = one.add_worker().log.read_text()
    (line,) = [line for line in log.splitlines() if "needs compact" in line]
    assert f"the topic {one.prefix}hooks has cleanup.policy=delete" in line


def test_from_the_latest(install, organization: str) -> None:
    one, path = written_before(install, organization, start="latest")
    worker = one.add_worker()
    one.produce("events", "11", event(organization, event_id="1" * 32))
    assert event_ids(one, path, 1) == ["1" * 32]
    # Only the first start is without a committed offset.
    assert worker.stop() == 0
    one.produce("events", "11", event(organization, event_id="2" * 32))
    worker.start()
    assert event_ids(one, path, 2) == ["1" * 32, "2" * 32]


def test_not_without_a_committed_offset(install, organization: str) -> None:
    one, path = written_before(install, organization, start="fail")
    line = refusal(one.add_worker(start=False))
    assert "STREAMHOOKS_START" in line
    assert f"{one.prefix}" in line
    assert one.receiver.requests(path) == []


def test_a_new_topic_of_ones_own_without_a_committed_offset(install, tmp_path: Path) -> None:
    one: Installation = install(partitions=1)
    topic, sources = f"{one.prefix}orders", tmp_path / "sources.yaml"
    worker = one.add_worker()
    assert worker.stop() == 0
    create_topic(one.brokers, topic)
    sources.write_text(json.dumps([{"topic": topic, "type": "'order.paid'", "organization_id": "value.customer"}]))
    worker.set(start="fail", sources=sources)
    # It is the only one without an offset.
    assert f"{topic}:0 has no committed offset, and STREAMHOOKS_START is fail" in refusal(worker)


def test_two_installations_on_one_kafka(install, organization: str) -> None:
    # The other one is open to all machines, which it may be with a token.
    one, other = install(), install(web_bind="0.0.0.0", token="a token of the tests", advertise="127.0.0.1")
    workers = [one.add_worker(start=False).launch(), other.add_worker(start=False).launch()]
    for worker in workers:
        worker.wait_ready()
    here, there = one.create_hook(organization), other.create_hook(organization)
    assert [hook["id"] for hook in one.api.get("/api/hooks").json["hooks"]] == [here.id]
    assert [hook["id"] for hook in other.api.get("/api/hooks").json["hooks"]] == [there.id]
    one.produce("events", "11", event(organization, event_id="1" * 32))
    other.produce("events", "11", event(organization, event_id="2" * 32))
    assert event_ids(one, here.path, 1) == ["1" * 32]
    assert event_ids(other, there.path, 1) == ["2" * 32]
    eventually(lambda: one.totals(here) == other.totals(there) == (1, 1, 0))
    assert other.api.get(f"/api/hooks/{here.id}/stats").status == 404
    # One that ends does not stop the other.
    assert workers[0].stop() == 0
    other.produce("events", "11", event(organization, event_id="3" * 32))
    assert event_ids(other, there.path, 2) == ["2" * 32, "3" * 32]
    assert len(here.requests()) == 1

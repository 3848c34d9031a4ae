"""Commands about many hooks and many records, through a worker and Kafka; one hook: test_journey_by_command_line.py."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from installation import Installation, event
from support import consume_all

from streamhooks.cli import main
from streamhooks.kafka.partitions import partition_of

SETTINGS = {"partitions": 4}

Run = Callable[..., Result]


@pytest.fixture
def run(installation: Installation) -> Run:
    """Run a command with the settings of the installation."""
    env = {
        "STREAMHOOKS_BROKERS": installation.brokers,
        "STREAMHOOKS_TOPIC_PREFIX": installation.prefix,
        "STREAMHOOKS_URL": installation.worker.base,
    }

    def run(*arguments: str, code: int = 0, **options: object) -> Result:
        result = CliRunner().invoke(main, arguments, env=env, **options)
        assert result.exit_code == code, (arguments, result.output, result.exception)
        return result

    return run


@pytest.fixture
def told(run: Run) -> Callable[..., object]:
    """Run a command with --json and return what it tells."""
    return lambda *arguments, **options: json.loads(run(*arguments, "--json", **options).stdout)


def test_subscriptions_live_in_a_file(run, told, organization, tmp_path):
    file = tmp_path / "hooks.yaml"
    file.write_text(
        f"""
        hooks:
          - {{organization_id: {organization}, url: "http://127.0.0.1:9/a", events: [event.created], timeout: 3}}
          - {{organization_id: {organization}, app_id: pager, url: "http://127.0.0.1:9/a", events: [issue]}}
        """
    )
    of_organization = ("hooks", "list", "--organization", organization)
    run("hooks", "apply", "-f", str(file), "--dry-run")
    assert told(*of_organization) == []
    made = told("hooks", "apply", "-f", str(file))["made"]
    assert {hook["id"] for hook in told(*of_organization)} == {hook["id"] for hook in made}
    assert "0 created, 0 changed, 0 deleted, 2 unchanged" in run("hooks", "apply", "-f", str(file)).stdout
    file.write_text(
        json.dumps([{"organization_id": organization, "url": "http://127.0.0.1:9/a", "events": ["event.alert"]}])
    )
    run("hooks", "apply", "-f", str(file), "--prune", "--yes")
    (left,) = told(*of_organization)
    assert (left["events"], left["timeout"]) == (["event.alert"], None)
    refused = run("hooks", "apply", "-f", "-", code=1, input=json.dumps([{**_wish(organization), "timeout": 31}]))
    assert "timeout: must be at most 30" in refused.stderr


def _wish(organization: str) -> dict:
    return {"organization_id": organization, "url": "http://127.0.0.1:9/b", "events": ["event.created"]}


def test_many_lines_are_written_in_order_with_their_keys(run, installation, tmp_path, organization):
    projects = [str(number % 5) for number in range(500)]
    records = [event(organization, project) for project in projects]
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    lies = run("send", "event", str(file)).stdout.split()
    topic = installation.prefix + "events"
    found = {f"{one.topic()}:{one.partition()}:{one.offset()}": one for one in consume_all(installation.brokers, topic)}
    assert [json.loads(found[one].value()) for one in lies] == records
    assert [found[one].key().decode() for one in lies] == projects
    for one, key in zip(lies, projects, strict=True):
        assert found[one].partition() == partition_of(key, SETTINGS["partitions"])


def test_a_topic_that_is_missing_is_named(run, installation):
    env = {"STREAMHOOKS_BROKERS": installation.brokers, "STREAMHOOKS_TOPIC_PREFIX": "nobodys."}
    result = CliRunner().invoke(main, ["send", "event", "--organization", "1", "--project", "1"], env=env)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: there is no topic nobodys.events")
    assert not run("topics", "check").stderr

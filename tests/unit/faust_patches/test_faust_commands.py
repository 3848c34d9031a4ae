"""Faust's own command line without a Kafka: commands that need none do not wait for one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamhooks.dev.ports import free_port
from streamhooks.records import schemas

AGENTS = ["@alerts", "@events", "@firings", "@notices", "@resource-changes"]
TABLES = ["fired-10s", "fired-1h", "fired-1d"]


def faust(folder: Path, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("STREAMHOOKS_")}
    given = {"brokers": f"127.0.0.1:{free_port()}", **settings}
    variables = {f"STREAMHOOKS_{name.upper()}": str(value) for name, value in given.items()}
    command = [sys.executable, "-m", "faust", "-A", "streamhooks", *words]
    # Whoever waits for Kafka does so for a minute.
    return subprocess.run(
        command, cwd=folder, env=inherited | variables, capture_output=True, text=True, timeout=45, check=False
    )


def shown(folder: Path, *words: str) -> str:
    done = faust(folder, *words)
    assert done.returncode == 0, done.stderr
    assert "waiting for Kafka" not in done.stderr
    assert list(folder.iterdir()) == [], "whoever only looks makes nothing"
    return done.stdout


def listed(folder: Path, *words: str) -> list[dict[str, str]]:
    return json.loads(shown(folder, "--json", *words))


def refused(folder: Path, *words: str, **settings: object) -> str:
    """Return the one line with which a command is refused."""
    done = faust(folder, *words, **settings)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "File " not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith(("streamhooks: ", "Error: "))]
    return line


@pytest.mark.parametrize("command", [[], ["worker"], ["agents"]])
def test_help(tmp_path: Path, command: list[str]) -> None:
    assert "Usage: " in shown(tmp_path, *command, "--help")


def test_all_agents_are_listed_with_their_topics_and_a_line_of_help(tmp_path: Path) -> None:
    found = listed(tmp_path, "agents")
    assert [one["name"] for one in found] == AGENTS
    assert [one["topic"] for one in found] == [f"streamhooks.{name[1:]}" for name in AGENTS]
    for one in found:
        assert len(one["help"]) > 20
        assert "\n" not in one["help"]


def test_the_windowed_tables_are_listed(tmp_path: Path) -> None:
    found = listed(tmp_path, "tables")
    assert [one["name"] for one in found] == TABLES
    assert all("per hook" in one["help"] for one in found)


def test_the_records_are_listed_as_models(tmp_path: Path) -> None:
    found = {one["name"]: one["help"] for one in listed(tmp_path, "models")}
    assert found.keys() == schemas.load().newest.keys()
    assert found["Event"] == "An event of a project."


@pytest.mark.parametrize("name", ["Event", "streamhooks.Event"])
def test_the_fields_of_a_record(tmp_path: Path, name: str) -> None:
    found = {one["field"]: one for one in listed(tmp_path, "model", name)}
    assert list(found) == ["event_id", "type", "datetime", "organization", "project", "group", "data", "further"]
    assert found["event_id"] == {"field": "event_id", "type": "string", "default": "*", "help": "32 hex characters."}
    assert found["datetime"]["type"] == "string, long or double"
    assert found["organization"]["type"] == "Organization {id, slug, further}"
    assert found["group"]["type"] == "null or Group {id, further}"
    assert found["group"]["default"] == "null"


def test_an_unknown_record(tmp_path: Path) -> None:
    line = refused(tmp_path, "model", "Evnt")
    assert "Evnt" in line
    assert "Event" in line


def test_an_unknown_agent(tmp_path: Path) -> None:
    line = refused(tmp_path, "send", "@event", "{}")
    assert "@events" in line


def test_an_invalid_value_is_not_sent(tmp_path: Path) -> None:
    assert "organization: must be an object" in refused(tmp_path, "send", "-V", "Event", "@events", "{}")


def test_nothing_is_sent_where_no_kafka_answers(tmp_path: Path) -> None:
    assert "STREAMHOOKS_BROKERS" in refused(tmp_path, "send", "@events", "{}")


@pytest.mark.parametrize(
    ("words", "named"), [(["--without-web"], "--without-web"), (["-b", "0.0.0.0"], "STREAMHOOKS_API_TOKEN")]
)
def test_options_that_a_worker_does_not_take(tmp_path: Path, words: list[str], named: str) -> None:
    assert named in refused(tmp_path, "worker", *words)


def test_a_mistyped_setting_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STREAMHOOKS_MAX_RETRY=3\n")
    done = faust(tmp_path, "worker", "-b", "127.0.0.1", retry_delayy=3, start="fail", data_dir="/proc/none")
    assert "STREAMHOOKS_RETRY_DELAYY is no setting and does nothing: is STREAMHOOKS_RETRY_DELAY meant?" in done.stderr
    assert "is STREAMHOOKS_MAX_RETRIES meant?" in done.stderr


def test_a_wrong_setting_is_reported_before_any_other_output(tmp_path: Path) -> None:
    assert "STREAMHOOKS_PARTITIONS" in refused(tmp_path, "agents", partitions="many")

"""Faust's own command line as its users type it, where no Kafka answers: what needs none does not wait for one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from support.forking import Forking

from streamhooks.dev.ports import free_port
from streamhooks.records import schemas

AGENTS = ["@alerts", "@events", "@firings", "@messages", "@notices", "@resource-changes"]
TABLES = ["fired-10s", "fired-1h", "fired-1d"]


#: what each command imports before it asks for a setting
IMPORTS = ["streamhooks.worker.bootstrap", "streamhooks.worker.app"]


@dataclass(frozen=True)
class Faust:
    """Runs `faust -A streamhooks …` in a folder, where no Kafka answers."""

    forking: Forking
    folder: Path
    outputs: Path

    def run(self, *words: str, **settings: object) -> CompletedProcess[str]:
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("STREAMHOOKS_")}
        given = {"brokers": f"127.0.0.1:{free_port()}", **settings}
        variables = {f"STREAMHOOKS_{name.upper()}": str(value) for name, value in given.items()}
        return self.forking.run(["-A", "streamhooks", *words], self.folder, inherited | variables, self.outputs)

    def shown(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        assert "waiting for Kafka" not in done.stderr
        assert list(self.folder.iterdir()) == [], "whoever only looks makes nothing"
        return done.stdout

    def listed(self, *words: str) -> list[dict[str, str]]:
        return json.loads(self.shown("--json", *words))

    def refused(self, *words: str, **settings: object) -> str:
        """Return the one line in which a command is refused."""
        done = self.run(*words, **settings)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert "File " not in done.stderr
        (line,) = [line for line in done.stderr.splitlines() if line.startswith(("streamhooks: ", "Error: "))]
        return line


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    one = Forking("faust.cli.faust:cli", IMPORTS)
    yield one
    one.close()


@pytest.fixture
def faust(forking: Forking, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Faust:
    return Faust(forking, tmp_path, tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("command", [[], ["worker"], ["agents"]])
def test_help(faust: Faust, command: list[str]) -> None:
    assert "Usage: " in faust.shown(*command, "--help")


def test_all_agents_are_listed_with_their_topics_and_a_line_of_help(faust: Faust) -> None:
    found = faust.listed("agents")
    assert [one["name"] for one in found] == AGENTS
    assert [one["topic"] for one in found] == [f"streamhooks.{name[1:]}" for name in AGENTS]
    for one in found:
        assert len(one["help"]) > 20
        assert "\n" not in one["help"]


def test_the_windowed_tables_are_listed(faust: Faust) -> None:
    found = faust.listed("tables")
    assert [one["name"] for one in found] == TABLES
    assert all("per hook" in one["help"] for one in found)


def test_the_records_are_listed_as_models(faust: Faust) -> None:
    found = {one["name"]: one["help"] for one in faust.listed("models")}
    assert found.keys() == schemas.load().newest.keys()
    assert found["Event"] == "An event of a project."


@pytest.mark.parametrize("name", ["Event", "streamhooks.Event"])
def test_the_fields_of_a_record(faust: Faust, name: str) -> None:
    found = {one["field"]: one for one in faust.listed("model", name)}
    assert list(found) == ["event_id", "type", "datetime", "organization", "project", "group", "data", "further"]
    assert found["event_id"] == {"field": "event_id", "type": "string", "default": "*", "help": "32 hex characters."}
    assert found["datetime"]["type"] == "string, long or double"
    assert found["organization"]["type"] == "Organization {id, slug, further}"
    assert found["group"]["type"] == "null or Group {id, further}"
    assert found["group"]["default"] == "null"


def test_a_record_that_there_is_not(faust: Faust) -> None:
    line = faust.refused("model", "Evnt")
    assert "Evnt" in line
    assert "Event" in line


def test_an_agent_that_there_is_not(faust: Faust) -> None:
    line = faust.refused("send", "@event", "{}")
    assert "@events" in line


def test_a_value_that_is_no_such_record_is_not_sent(faust: Faust) -> None:
    assert "organization: must be an object" in faust.refused("send", "-V", "Event", "@events", "{}")


def test_nothing_is_sent_where_no_kafka_answers(faust: Faust) -> None:
    assert "STREAMHOOKS_BROKERS" in faust.refused("send", "@events", "{}")


@pytest.mark.parametrize(
    ("words", "named"), [(["--without-web"], "--without-web"), (["-b", "0.0.0.0"], "STREAMHOOKS_API_TOKEN")]
)
def test_what_a_worker_can_not_be_told(faust: Faust, words: list[str], named: str) -> None:
    assert named in faust.refused("worker", *words)


def test_a_mistyped_setting_is_told(faust: Faust) -> None:
    (faust.folder / ".env").write_text("STREAMHOOKS_MAX_RETRY=3\n")
    done = faust.run("worker", "-b", "127.0.0.1", retry_delayy=3, start="fail", data_dir="/proc/none")
    assert (
        "STREAMHOOKS_RETRY_DELAYY is not a setting and has no effect: did you mean STREAMHOOKS_RETRY_DELAY?"
        in done.stderr
    )
    assert "did you mean STREAMHOOKS_MAX_RETRIES?" in done.stderr


def test_a_wrong_setting_is_told_before_anything_is_shown(faust: Faust) -> None:
    assert "STREAMHOOKS_PARTITIONS" in faust.refused("agents", partitions="many")

from __future__ import annotations

import json
import socket
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from streamhooks.cli import main
from streamhooks.cli.group import Group
from streamhooks.dev.ports import free_port
from streamhooks.errors import BadSettings, Refusal
from streamhooks.kafka.topics import NAMES


def streamhooks(*arguments: str, **environment: str):
    return CliRunner().invoke(main, arguments, env=environment)


def commands(group: click.Group, path: tuple[str, ...] = ()):
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", [(), *commands(main)])
def test_each_command_explains_itself(path):
    result = streamhooks(*path, "--help")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 3
    assert "Else " not in result.stdout, "a default is called so"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("topics",),
        ("topics", "nonsense"),
        ("topics", "check", "--wait", "-1"),
        ("dev", "--duration", "0"),
        ("dev", "--duration", "soon"),
        ("dev", "--workers", "0"),
        ("dev", "--rate", "0"),
        ("kafka", "--port", "65536"),
        ("receiver", "--port", "0"),
        ("receiver", "--keep", "-1"),
    ],
)
def test_a_wrong_use_ends_with_2_and_says_so_on_stderr(arguments):
    result = streamhooks(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")
    assert not result.stdout


@pytest.mark.parametrize("kind", [Refusal, BadSettings])
def test_a_refusal_ends_with_1_and_one_line(kind):
    @click.command()
    def refuse():
        raise kind("no:\n  way")

    result = CliRunner().invoke(Group(commands=[refuse]), ["refuse"])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: no: way\n")


def test_what_is_no_refusal_is_not_hidden():
    @click.command()
    def fail():
        raise ZeroDivisionError

    assert isinstance(CliRunner().invoke(Group(commands=[fail]), ["fail"]).exception, ZeroDivisionError)


@pytest.mark.parametrize("command", ["create", "check"])
def test_a_bad_setting_is_named(command):
    result = streamhooks("topics", command, STREAMHOOKS_PARTITIONS="many")
    assert result.exit_code == 1
    assert "STREAMHOOKS_PARTITIONS" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["create", "check"])
def test_a_kafka_that_is_away_is_named(command):
    brokers = f"127.0.0.1:{free_port()}"
    result = streamhooks("topics", command, "--wait", "0.1", STREAMHOOKS_BROKERS=brokers)
    assert result.exit_code == 1
    assert brokers in result.stderr
    assert "does not answer" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_kafka_that_is_away_is_told_with_the_reason():
    away = streamhooks("topics", "check", "--wait", "0.1", STREAMHOOKS_BROKERS=f"127.0.0.1:{free_port()}")
    assert "Connection refused" in away.stderr
    unknown = streamhooks("topics", "check", "--wait", "1", STREAMHOOKS_BROKERS="nobody.invalid:9092")
    assert "Failed to resolve 'nobody.invalid:9092'" in unknown.stderr


def test_the_topics_are_told_to_who_may_make_them():
    known = {
        "STREAMHOOKS_BROKERS": f"127.0.0.1:{free_port()},kafka-2:9092",
        "STREAMHOOKS_TOPIC_PREFIX": "own.",
        "STREAMHOOKS_PARTITIONS": "6",
        "STREAMHOOKS_REPLICATION": "3",
    }
    told = streamhooks("topics", "commands", "--json", **known)
    assert told.exit_code == 0, told.stderr
    topics = {one["topic"]: one for one in json.loads(told.stdout)}
    assert topics.keys() == {f"own.{name}" for name in NAMES.values()}
    assert topics["own.hooks"] == {
        "topic": "own.hooks",
        "partitions": 1,
        "replication": 3,
        "config": {"cleanup.policy": "compact"},
    }
    assert topics["own.events"] == {"topic": "own.events", "partitions": 6, "replication": 3, "config": {}}

    lines = streamhooks("topics", "commands", **known).stdout.splitlines()
    assert len(lines) == len(topics)
    assert (
        f"kafka-topics.sh --bootstrap-server {known['STREAMHOOKS_BROKERS']} --create --if-not-exists "
        "--topic own.hooks --partitions 1 --replication-factor 3 --config cleanup.policy=compact"
    ) in lines


def test_a_receiver_whose_port_is_taken_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        # In a process of its own: a server takes the event loop and the signals.
        run = [sys.executable, "-c", "from streamhooks.cli import main; main()", "receiver", "--port", str(port)]
        result = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: can't listen on 127.0.0.1:{port}")
    assert result.stderr.count("\n") == 1


def test_the_command_line_is_quick_to_start():
    heavy = ("faust", "aiohttp", "rich.table")
    code = f"import sys, json, streamhooks.cli; print(json.dumps([m for m in {heavy!r} if m in sys.modules]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(result.stdout) == []

"""`streamhooks sources check`: what a file is worth, and what a record becomes, without a Kafka."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from streamhooks.cli import main
from streamhooks.dev.ports import free_port

FILE = """
sources:
  - topic: orders
    type: '"order." + value.status'
    organization_id: value.customer
    when: value.status != "draft"
    data: '{"total": value.total, "key": key, "by": headers.by}'
  - topic: users
    type: '"user.added"'
    organization_id: value.team
"""
PAID = {"status": "paid", "customer": 17, "total": 120}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "sources.yaml"
    path.write_text(FILE)
    return str(path)


def check(*arguments: str, value: Any = None) -> Result:
    env = {"STREAMHOOKS_BROKERS": f"127.0.0.1:{free_port()}", "STREAMHOOKS_SCHEMA_REGISTRY": ""}
    env = {name: text for name, text in env.items() if text}
    return CliRunner().invoke(main, ["sources", "check", *arguments], env=env, input=value and json.dumps(value))


def test_a_good_file_is_told_by_its_topics(file: str) -> None:
    done = check(file)
    assert (done.exit_code, done.stdout) == (0, "orders: ok\nusers: ok\n")
    shown = json.loads(check(file, "--json").stdout)
    assert shown == {"topics": [{"topic": "orders", "types": None}, {"topic": "users", "types": ["user.added"]}]}


def test_a_mistake_is_one_line_and_exit_code_1(file: str) -> None:
    Path(file).write_text(FILE.replace("value.customer", "valu.customer"))
    done = check(file)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"Error: {file}: entry 1 (orders): organization_id: position 1: there is no valu, only"
    )
    assert done.stderr.count("\n") == 1


def test_a_sample_becomes_a_message(file: str, tmp_path: Path) -> None:
    sample = tmp_path / "order.json"
    sample.write_text(json.dumps(PAID))
    for given in (str(sample), "-"):
        done = check(file, "--topic", "orders", "--sample", given, "--key", "k", "--header", "by=ann=2", value=PAID)
        assert done.exit_code == 0, done.stderr
        first, _, shown = done.stdout.partition("\n")
        assert first == "orders: the message"
        data = {"by": "ann=2", "key": "k", "total": 120}
        assert json.loads(shown) == {"type": "order.paid", "organization_id": "17", "data": data}


def test_each_entry_is_asked_and_one_failure_is_exit_code_1(file: str) -> None:
    done = check(file, "--sample", "-", value={"status": "draft"})
    assert done.exit_code == 1
    assert done.stdout == (
        "orders: skipped: when is false\n"
        "users: a dead letter: organization_id: there is no team: has() tells whether it is there\n"
    )
    assert done.stderr == "Error: the sample fails by 1 of 2 entries\n"
    done = check(file, "--sample", "-", "--json", value={"status": "draft", "team": 5})
    assert done.exit_code == 0
    assert json.loads(done.stdout)["outcomes"] == [
        {"topic": "orders", "outcome": "skipped", "why": "when is false"},
        {
            "topic": "users",
            "outcome": "message",
            "message": {"type": "user.added", "organization_id": "5", "data": {"status": "draft", "team": 5}},
        },
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--key", "k"], 2, "--key and --header go with a --sample that is a file or -"),
        (["--sample", "orders:0:5", "--header", "a=b"], 2, "--key and --header go with a --sample"),
        (["--sample", "-", "--header", "a"], 2, "'a' is not NAME=VALUE"),
        (["--sample", "nowhere.json"], 1, "nowhere.json can't be read: No such file or directory"),
        (["--topic", "other"], 1, "the file has no entry for the topic other, only for orders, users"),
        (["--sample", "-", "--topic", "orders"], 1, "the sample fails by 1 of 1 entries"),
    ],
)  # fmt: skip
def test_wrong_usage_is_told(file: str, arguments: list[str], code: int, said: str) -> None:
    done = check(file, *arguments)
    assert done.exit_code == code
    assert said in done.stderr


def test_digits_of_a_sample_are_kept(file: str) -> None:
    done = CliRunner().invoke(
        main, ["sources", "check", file, "--topic", "users", "--sample", "-"], input='{"team": 1234567890123456789012}'
    )
    assert '"organization_id": "1234567890123456789012"' in done.stdout
    assert '"team": 1234567890123456789012' in done.stdout


def test_control_characters_of_a_sample_are_not_shown(file: str) -> None:
    done = check(file, "--topic", "users", "--sample", "-", value={"team": "\x1b[2J\x9b\u202e"})
    assert not {"\x1b", "\x9b", "\u202e"} & set(done.stdout)


def test_a_key_and_a_header_may_have_any_bytes(file: str) -> None:
    # So Python gives an argument that is not UTF-8.
    done = check(
        file, "--topic", "users", "--sample", "-", "--key", "\udcff", "--header", "by=\udcff", value={"team": 1}
    )
    assert done.exit_code == 0, done.stderr
    done = check(file, "--topic", "orders", "--sample", "-", "--key", "\udcff", "--header", "by=a", value=PAID)
    assert "orders: a dead letter: data: the key is not text in UTF-8" in done.stdout


def test_a_shell_completes_it() -> None:
    completed = ShellComplete(main, {}, "streamhooks", "_STREAMHOOKS_COMPLETE")
    assert [one.value for one in completed.get_completions([], "sour")] == ["sources"]
    assert [one.value for one in completed.get_completions(["sources"], "")] == ["check"]
    assert "--sample" in [one.value for one in completed.get_completions(["sources", "check"], "--")]
    assert [one.type for one in completed.get_completions(["sources", "check"], "f")] == ["file"]

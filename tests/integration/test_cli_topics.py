from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from support import create_topic

from streamhooks.cli import main


@pytest.fixture
def topics(brokers, prefix):
    settings = {
        "STREAMHOOKS_BROKERS": brokers,
        "STREAMHOOKS_TOPIC_PREFIX": prefix,
        "STREAMHOOKS_PARTITIONS": "3",
    }
    return lambda *arguments: CliRunner().invoke(main, ["topics", *arguments], env=settings)


def test_what_is_missing_is_told_by_check_and_made_by_create(topics, prefix):
    missing = topics("check", "--json")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert f"{prefix}events" in missing.stderr
    assert topics("check").exit_code == 1, "check has made them"

    created = topics("create", "--json")
    assert created.exit_code == 0, created.stderr
    made = json.loads(created.stdout)
    assert (made[f"{prefix}events"], made[f"{prefix}hooks"]) == (3, 1)

    for command in ("check", "create"):
        assert json.loads(topics(command, "--json").stdout) == made
        assert f"{prefix}events" in topics(command).stdout


def test_a_topic_that_is_not_as_it_must_be_is_named(topics, brokers, prefix):
    assert topics("create").exit_code == 0
    assert topics("check").exit_code == 0
    other = f"{prefix}x."
    create_topic(brokers, f"{other}hooks", partitions=2)
    result = CliRunner().invoke(
        main, ["topics", "create"], env={"STREAMHOOKS_BROKERS": brokers, "STREAMHOOKS_TOPIC_PREFIX": other}
    )
    assert result.exit_code == 1
    assert f"{other}hooks" in result.stderr
    assert result.stderr.count("\n") == 1

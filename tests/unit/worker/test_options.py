"""The options of Faust's command line, as settings."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from faust.cli.faust import cli

from streamhooks.errors import BadSettings
from streamhooks.settings import Settings
from streamhooks.worker.options import with_options


@pytest.fixture(autouse=True)
def _no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def context(*words: str, before: tuple[str, ...] = ()) -> click.Context:
    """The context of `faust BEFORE worker WORDS`."""
    root = click.Group(name="faust", params=cli.params).make_context("faust", [*before, "worker"])
    return cli.commands["worker"].make_context("worker", list(words), parent=root)


def test_without_options_the_settings_hold() -> None:
    settings = Settings(web_port=7000)
    assert with_options(settings, None) is settings
    assert with_options(settings, context()) is settings
    assert with_options(settings, context("--with-web", "--web-transport", "tcp://")) is settings


def test_options_come_before_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMHOOKS_WEB_PORT", "7000")
    given = Settings(
        partitions=3, allowed_networks="10.0.0.0/8", api_tokens="write:a-token-of-tests", brokers="a:1,b:2"
    )
    settings = with_options(given, context("-p", "7077", "-b", "::1", "-h", "worker-1", before=("-D", str(tmp_path))))
    assert settings.advertised_url == "http://worker-1:7077"
    assert (settings.web_bind, settings.data_dir) == ("::1", tmp_path)
    changed = {"web_port", "web_bind", "advertise", "data_dir"}
    assert settings.model_dump(exclude=changed) == given.model_dump(exclude=changed)


def test_where_it_listens_is_what_others_are_told() -> None:
    assert with_options(Settings(), context("-p", "7077", "-b", "127.0.0.2")).advertised_url == "http://127.0.0.2:7077"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--without-web"], "--without-web"),
        (["--web-transport", "unix:///tmp/web.sock"], "--web-transport"),
        (["-b", "0.0.0.0"], "STREAMHOOKS_API_TOKEN"),
        (["-h", "http://worker-1"], "STREAMHOOKS_ADVERTISE"),
    ],
)
def test_what_no_worker_can_have(words: list[str], named: str) -> None:
    with pytest.raises(BadSettings, match=named):
        with_options(Settings(), context(*words))

"""Every command in the documentation exists, whether it is run (tests/integration/test_docs.py) or not."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import urlsplit

import click
import pytest
import yaml
from faust.cli.faust import cli as faust_commands
from support.shell import commands
from support.snippets import PAGES, ROOT, Snippet, snippets

from streamhooks.cli import main
from streamhooks.web.spec.openapi import document

MAKEFILE = (ROOT / "Makefile").read_text()
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
API = document("0")["paths"]

#: programs of others, of which nothing is checked here
OTHERS = {".", "cd", "export", "git", "go", "kill", "npm", "sleep"}
_INLINE = re.compile(r"(?<!`)`((?:streamhooks|faust -A|make|docker compose|curl) [^`\n]+)`(?!`)")
_PORT = 6066


class WrongCommand(AssertionError):
    """There is no such thing."""


def check(words: list[str]) -> None:
    """Raise WrongCommand if a command, or an option of it, does not exist."""
    program, rest = words[0].rsplit("/", 1)[-1] if words[0].startswith(".venv/bin/") else words[0], words[1:]
    if program in OTHERS:
        return
    if program not in CHECKS:
        raise WrongCommand(f"unknown program {program!r}: if it is right, add it to this module")
    CHECKS[program](rest)


def check_all(text: str) -> None:
    for words in commands(text):
        check(words)


def check_streamhooks(words: list[str]) -> None:
    command: click.Command = main
    known: dict[str, click.Parameter] = options_of(command)
    waiting = iter(words)
    for word in waiting:
        if word == "--":
            return
        if word.startswith("-") and len(word) > 1:
            name, has_value, _ = word.partition("=")
            if name not in known:
                raise WrongCommand(f"{command.name} has no option {name}")
            option = known[name]
            takes = isinstance(option, click.Option) and not option.is_flag and not option.count
            if takes and not has_value:
                for _ in range(option.nargs):
                    next(waiting, None)
        elif isinstance(command, click.Group):
            if word not in command.commands:
                raise WrongCommand(f"{command.name} has no command {word}")
            command = command.commands[word]
            known = known | options_of(command)


def options_of(command: click.Command) -> dict[str, click.Parameter]:
    found = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts) if name.startswith("-")}
    help_option = click.Option(["-h", "--help"], is_flag=True)
    return found | {"-h": help_option, "--help": help_option}


def check_make(words: list[str]) -> None:
    for word in words:
        if "=" not in word and not re.search(rf"^{re.escape(word)}:", MAKEFILE, re.MULTILINE):
            raise WrongCommand(f"make has no target {word}")


def check_faust(words: list[str]) -> None:
    if words[:2] != ["-A", "streamhooks"] or words[2] not in faust_commands.commands:
        raise WrongCommand("a command of Faust is called by faust -A streamhooks COMMAND")
    known = options_of(faust_commands.commands[words[2]])
    for word in words[3:]:
        if word.startswith("-") and word not in known:
            raise WrongCommand(f"faust {words[2]} has no option {word}")


def check_python(words: list[str]) -> None:
    if words[:1] == ["-m"] and importlib.util.find_spec(words[1].split(".")[0]) is None:
        raise WrongCommand(f"there is no module {words[1]}")
    if words and not words[0].startswith("-") and words[0] not in files():
        raise WrongCommand(f"no block of the documentation is {words[0]}")


def check_pip(words: list[str]) -> None:
    for word in words:
        for extra in re.findall(r"\[([\w,]+)\]", word):
            if not set(extra.split(",")) <= EXTRAS.keys():
                raise WrongCommand(f"there is no extra {extra}")


def check_docker(words: list[str]) -> None:
    profiles = {profile for service in COMPOSE["services"].values() for profile in service.get("profiles", ())}
    for name, value in pairwise(words):
        if name == "--profile" and value not in profiles:
            raise WrongCommand(f"docker-compose.yml has no profile {value}")


def check_curl(words: list[str]) -> None:
    """Calls of a worker must be in the OpenAPI document."""
    method = "post" if {"-d", "--data", "--json"} & set(words) else "get"
    for name, value in pairwise(words):
        if name in ("-X", "--request"):
            method = value.lower()
    for word in words:
        if not word.startswith(("http://", "https://")):
            continue
        url = urlsplit(word)
        if url.port == _PORT and not any(
            method in calls and re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)), url.path)
            for path, calls in API.items()
        ):
            raise WrongCommand(f"the API has no {method.upper()} {url.path}")


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "curl": check_curl,
    "docker": check_docker,
    "faust": check_faust,
    "make": check_make,
    "pip": check_pip,
    "pytest": lambda _words: None,
    "sed": lambda _words: None,
    "python": check_python,
    "python3": check_python,
    "streamhooks": check_streamhooks,
}


def files() -> set[str]:
    """The files that blocks of the documentation become: their mark is a name."""
    return {one.mark for page in PAGES for language in ("python", "yaml", "json") for one in snippets(page, language)}


BLOCKS = [block for page in PAGES for block in snippets(page, "sh")]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_each_command_of_a_block_exists(block: Snippet) -> None:
    assert block.mark in ("", "check"), "a block of sh is run, or only checked: CONTRIBUTING.md"
    assert commands(block.text)
    check_all(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_in_a_sentence_exists(page) -> None:
    for line in _INLINE.findall(page.read_text()):
        check_all(line.replace("…", ""))


@pytest.mark.parametrize(
    "line",
    [
        "streamhooks toppics create",
        "streamhooks topics create --no-such",
        "streamhooks topics create --json=1 && streamhooks topics chek",
        "make demos",
        "HOOK=$(curl -s http://127.0.0.1:6066/api/hoks)",
        "curl -s -X PATCH http://127.0.0.1:6066/api/hooks",
        "faust worker",
        "faust -A streamhooks workers",
        "faust -A streamhooks worker --port 1",
        "pip install 'streamhooks[oltp]'",
        "docker compose --profile other up",
        "python produce_it.py",
        "rm -rf x",
    ],
)
def test_what_does_not_exist_is_found(line: str) -> None:
    with pytest.raises(WrongCommand):
        check_all(line)


def test_words_of_commands() -> None:
    text = (
        "A=1 one 'a b' \\\n  --c=d >/dev/null 2>&1 &  # a comment\n\ntwo | three; X=$(four five) && six '{\"a\": 1}'\n"
    )
    assert commands(text) == [["one", "a b", "--c=d"], ["two"], ["three"], ["four", "five"], ["six", '{"a": 1}']]
    # In quotes, it is no redirection.
    assert commands('one \'a > 1\' "b > \\"2" > file') == [["one", "a > 1", 'b > "2']]


def test_the_page_of_the_api_names_every_call() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    for path, calls in API.items():
        for method in calls:
            shown = path.replace("{hook_id}", "{id}")
            assert f"`{method.upper()} {shown}" in text, f"docs/api.md does not name {method.upper()} {shown}"

"""What the client of the API does with answers, and what it says about those that are none."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from streamhooks.cli import main
from streamhooks.cli.api import Api, ProblemAnswer
from streamhooks.dev.ports import free_port
from streamhooks.errors import Refusal

HOOK = "a" * 32


def test_a_worker_that_is_away_is_named():
    base = f"http://127.0.0.1:{free_port()}"
    result = CliRunner().invoke(main, ["hooks", "list", "--url", base])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: no worker answers at {base}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"url": "must be http", "events": "must be a list"}, "url: must be http; events: must be a list"),
        (400, {"detail": "Invalid resolution"}, "Invalid resolution"),
        (401, {"detail": "a valid token is required"}, "requires a token (--token, STREAMHOOKS_API_TOKEN)"),
        (403, {"detail": "this token may only read"}, "not allowed: this token may only read"),
        (404, {"detail": "hook not found"}, "Error: hook not found"),
        (500, {"detail": "oops"}, "answered with 500: oops"),
        (302, {"a": "b"}, "is not a worker: it redirects"),
        (200, b"<html>", "no worker answers"),
        (404, {"detail": "\x1b[2Jgone"}, "\\x1b[2Jgone"),
    ],
)
def test_each_problem_is_one_line(worker_api, status, body, said):
    worker_api.say("GET", "/api/hooks", (status, body))
    result = worker_api.run("hooks", "list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_wrong_token_is_told_from_none(worker_api):
    worker_api.say("GET", "/api/hooks", (401, {"detail": "a valid token is required"}))
    result = worker_api.run("hooks", "list", "--token", "secret-token")
    assert "rejects this token" in result.stderr
    assert "secret-token" not in result.stderr
    assert worker_api.calls[0].headers["Authorization"] == "Bearer secret-token"


@pytest.mark.parametrize("arguments", [["--token", "inner", "hooks", "list"], ["hooks", "list", "--token", "inner"]])
def test_options_come_before_the_environment_wherever_they_stand(worker_api, arguments):
    assert worker_api.run(*arguments, env={"STREAMHOOKS_API_TOKEN": "outer"}).exit_code == 0
    assert worker_api.run("hooks", "list", env={"STREAMHOOKS_API_TOKEN": "outer"}).exit_code == 0
    assert [call.headers["Authorization"] for call in worker_api.calls] == ["Bearer inner", "Bearer outer"]


def test_the_token_of_a_dotenv_is_used(worker_api, tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("STREAMHOOKS_API_TOKEN=of-the-file\n")
    monkeypatch.chdir(tmp_path)
    worker_api.run("hooks", "list")
    assert worker_api.calls[0].headers["Authorization"] == "Bearer of-the-file"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "127.0.0.1:6066", "http://"])
def test_what_is_no_url_is_a_wrong_use(url):
    assert CliRunner().invoke(main, ["hooks", "list", "--url", url]).exit_code == 2


def test_a_token_that_no_header_can_hold_is_not_shown(worker_api):
    result = worker_api.run("hooks", "list", "--token", "two\nlines")
    assert result.exit_code == 1
    assert "lines" not in result.stderr


def test_a_get_is_tried_again_while_partitions_move(worker_api):
    moving = (503, {"detail": "moving"})
    worker_api.say("GET", "/a", moving, moving, {"there": 1}, headers={"Retry-After": "3"})
    slept: list[float] = []
    assert Api(worker_api.base, sleep=slept.append).get("/a") == {"there": 1}
    assert slept == [3.0, 3.0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("requests", "--event", "\udcff"),
        ("requests", HOOK, "--webhook-id", "\udcff"),
        ("resend", HOOK, "\udcff", "--source", "t.events:0:1"),
        ("pending", HOOK, "--drop", "\udcff"),
        ("hooks", "list", "--organization", "\udcff"),
        ("dead-letters", "list", "--task", "\udcff"),
    ],
)
def test_an_argument_that_is_no_utf_8_is_asked_for_as_it_is(worker_api, arguments):
    result = worker_api.run(*arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert [call for call in worker_api.calls if "%FF" in call.path or "\ufffd" in call.query.values()]


def test_a_503_is_not_tried_for_ever_nor_waited_for_long(worker_api):
    worker_api.say("GET", "/a", (503, {"detail": "moving"}), headers={"Retry-After": "3600"})
    slept: list[float] = []
    with pytest.raises(ProblemAnswer, match="try again: moving"):
        Api(worker_api.base, sleep=slept.append).get("/a")
    assert len(slept) == 5
    assert max(slept) <= 5.0


def test_a_change_is_not_made_twice(worker_api):
    """A 503 may mean that Kafka confirms the change later: a second hook would be one too many."""
    worker_api.say("POST", "/api/hooks", (503, {"detail": "not confirmed yet"}))
    result = worker_api.run("hooks", "add", "http://e.test/", "--organization", "1")
    assert result.exit_code == 1
    assert len(worker_api.calls) == 1


def test_all_pages_are_read_and_no_more_than_asked(worker_api):
    ids = sorted(worker_api.add(url=f"http://e.test/{number}") for number in range(5))
    worker_api.page = 2
    api = Api(worker_api.base)
    assert [hook["id"] for hook in api.pages("/api/hooks", "hooks")] == ids
    assert [hook["id"] for hook in api.pages("/api/hooks", "hooks", 3)] == ids[:3]
    assert worker_api.calls[-1].query["limit"] == "1"


def test_redirects_take_no_token_along(worker_api):
    worker_api.say("GET", "/a", (302, {}), headers={"Location": f"{worker_api.base}/b"})
    with pytest.raises(Refusal, match="redirects"):
        Api(worker_api.base, "token").get("/a")
    assert [call.path for call in worker_api.calls] == ["/a"]

"""What a stranger does, by the command line alone: a hook, an event, a delivery, a failure, its retry, the counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result
from installation import Installation, event
from support import consume_all, eventually

from streamhooks.cli import main
from streamhooks.dev.ports import free_port
from streamhooks.kafka.partitions import partition_of

# Retries come when the journey asks for them.
SETTINGS = {"retry_delay": 600}
SECRET = "a secret of my own"

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


class Listener:
    """`streamhooks listen` in a process of its own; its port stays the same when it is started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._process: subprocess.Popen[str] | None = None

    def start(self, *options: str) -> None:
        self.stop()
        code = "from streamhooks.cli import main; main()"
        run = [sys.executable, "-c", code, "listen", "--json", "--secret", SECRET, "--port", str(self.port), *options]
        self._process = subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        assert "listening on" in self._process.stderr.readline()

    def heard(self) -> dict:
        """Wait for the next request."""
        assert self._process is not None
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener()
    yield one
    one.stop()


def test_the_journey(run, told, listener, installation, organization):
    assert f"{installation.prefix}events" in run("topics", "check").stdout

    # A hook, and an event that it gets.
    listener.start()
    add = ("hooks", "add", listener.url, "--organization", organization, "--project", "7", "--secret", SECRET)
    hook = told(*add)["id"]
    assert told("hooks", "test", hook)["outcome"] == "delivered"
    assert "message" in listener.heard()["body"]
    send = ("send", "event", "--organization", organization, "--project", "7", "--message", "it broke")
    source = run(*send).stdout.strip()
    heard = listener.heard()
    assert (heard["verified"], json.loads(heard["body"])["event"]["data"]) == (True, {"message": "it broke"})
    attempt, test = eventually(lambda: len(found := told("requests", hook)) == 2 and found)
    assert (attempt["source"], attempt["outcome"], attempt["webhook_id"]) == (source, "delivered", heard["webhook_id"])
    assert (attempt["cause"], test["cause"]) == ("live", "test")

    # The receiver breaks: the attempt is seen, and what waits.
    listener.start("--status", "503")
    broken = run(*send).stdout.strip()
    assert listener.heard()["status"] == 503
    eventually(lambda: len(told("requests", hook)) == 3)
    table = run("requests", hook, "--failed").stdout
    assert "retried" in table
    assert "503" in table
    assert broken in table
    assert "it broke" in run("requests", hook, "--failed", "--bodies").stdout
    (call,) = eventually(lambda: told("pending", hook))
    assert (call["source"], call["attempt"], call["reason"], call["last"]["status"]) == (broken, 2, "retry", 503)
    assert call["webhook_id"] in run("pending", hook).stdout

    # It is mended, and nobody waits for the retry.
    listener.start()
    run("pending", hook, "--retry", call["webhook_id"])
    again = listener.heard()
    assert (again["webhook_id"], again["verified"]) == (call["webhook_id"], True)
    eventually(lambda: told("pending", hook) == [])
    assert run("pending", hook).stdout == "nothing waits\n"

    # The sample is no firing.
    wanted = {"fired": 3, "delivered": 2, "failed": 1}
    count = lambda: {name: sum(point[name] for point in told("stats", hook)) for name in wanted}  # noqa: E731
    eventually(lambda: count() == wanted)
    shown = run("stats", hook, "--since", "1h", "--resolution", "10s").stdout
    assert "█" in shown
    assert shown.rstrip().splitlines()[-1].split() == ["all", "3", "2", "1"]

    # Another project's event is not for it; a disabled one gets nothing.
    assert hook in run("hooks", "list", "--organization", organization).stdout
    assert told("hooks", "disable", hook)["status"] == "disabled"
    assert told("hooks", "list", "--status", "disabled", "--organization", organization)[0]["id"] == hook
    assert told("hooks", "enable", hook)["status"] == "active"
    fresh = run("hooks", "rotate-secret", hook).stdout.strip()
    assert fresh.startswith("whsec_")
    run("hooks", "rm", hook, "--yes")
    assert run("hooks", "show", hook, code=1).stderr == "Error: hook not found\n"


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
    assert "0 made, 0 changed, 0 deleted, 2 as they should be" in run("hooks", "apply", "-f", str(file)).stdout
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
    assert {found[one].partition() == partition_of(key, 8) for one, key in zip(lies, projects, strict=True)} == {True}


def test_a_topic_that_is_missing_is_named(run, installation):
    env = {"STREAMHOOKS_BROKERS": installation.brokers, "STREAMHOOKS_TOPIC_PREFIX": "nobodys."}
    result = CliRunner().invoke(main, ["send", "event", "--organization", "1", "--project", "1"], env=env)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: there is no topic nobodys.events")
    assert not run("topics", "check").stderr

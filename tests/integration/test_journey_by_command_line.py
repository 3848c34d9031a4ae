"""A hook from its first event to its last by the command line alone: what is shown is what its receiver got."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from installation import Installation
from terminal import Listener, Terminal, eventually

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.fixture
def environment(installation: Installation) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("STREAMHOOKS_")}
    return inherited | {
        "STREAMHOOKS_BROKERS": installation.brokers,
        "STREAMHOOKS_TOPIC_PREFIX": installation.prefix,
        "STREAMHOOKS_URL": installation.worker.base,
    }


@pytest.fixture
def listener(environment: dict[str, str]) -> Iterator[Listener]:
    one = Listener(environment)
    yield one
    if one.process is not None:
        one.process.kill()
        one.process.wait()


@pytest.mark.timeout(900)
def test_a_hook_by_the_command_line_alone(
    environment: dict[str, str], listener: Listener, installation: Installation, organization: str
) -> None:
    run = Terminal(environment)
    topic = f"{installation.prefix}events"

    def send() -> str:
        """Write an event of project 11; return where it lies."""
        said = run(f"send event --organization {organization} --project 11 --message 'it broke'").stdout.strip()
        assert re.fullmatch(rf"{re.escape(topic)}:\d:\d+", said)
        return said

    def shows(line: str, *rows: list[str]) -> None:
        """Wait until a command shows a table with these rows, as far as they go, and no others."""
        wanted = [list(row) for row in rows]
        try:
            eventually(lambda: [row[: len(one)] for row, one in zip(run(line).rows(), wanted, strict=True)] == wanted)
        except AssertionError:
            assert run(line).rows() == wanted

    def attempts(line: str, *rows: str) -> None:
        """Wait until a command shows these attempts: their numbers, causes, outcomes and answers, the newest first."""
        eventually(lambda: [" ".join(row[2:6]) for row in run(line).rows()] == list(rows))

    def counts(fired: int, delivered: int, failed: int) -> None:
        wanted = ["all", str(fired), str(delivered), str(failed)]
        eventually(lambda: run(f"stats {hook}").rows()[-1] == wanted)

    # Add a hook, and one of another project.
    assert run(f"hooks list --organization {organization}").stdout == "no hooks\n"
    add = f"hooks add {listener.url} --organization {organization} --project"
    said = run(f"{add} 11 --retry-schedule 1,600")
    assert said.stderr == "keep the secret: it is not shown again\n"
    made = said.fields()
    hook, secret = made["id"], made["secret"]
    assert (made["status"], made["project_ids"], made["retry_schedule"]) == ("active", "11", "1 s, 600 s")
    other = run(f"{add} 12").fields()["id"]
    assert run(f"hooks show {hook}").fields()["secret"] == "whsec_********"
    assert run(f"requests {hook}").stdout == "nothing was sent\n"
    assert run(f"pending {hook}").stdout == "no pending calls\n"
    assert run(f"stats {hook}").stdout == "nothing was sent in this period\n"
    assert run(f"missed {hook}").stdout == "nothing to catch up on\n"

    # Send: a test, and two events.
    listener.start(secret)
    tried = run(f"hooks test {hook}").stdout
    (test,) = listener.latest(1)
    assert test in tried
    assert re.search(r"outcome +delivered\b", tried)
    sources = [send(), send()]
    ids = listener.latest(3)[1:]
    attempts(f"requests {hook}", "1 live delivered 200", "1 live delivered 200", "1 test delivered 200")
    assert [row[-2:] for row in run(f"requests {hook}").rows()[:2]] == [
        [ids[1], sources[1]],
        [ids[0], sources[0]],
    ]
    counts(2, 2, 0)

    # Break: it is tried again after a second, and waits for its next attempt.
    listener.start(secret, "--status", "503")
    source = send()
    (broken,) = set(listener.latest(5, status=503))
    attempts(f"requests {hook} --failed", "2 retry retried 503", "1 live retried 503")
    (waits,) = eventually(lambda: [row for row in run(f"pending {hook}").rows() if row[4] == "3"])
    assert (waits[0], waits[1], waits[5:]) == (broken, "event.created", ["retry", "waiting", "503", source])
    assert 0 < int(waits[3].removesuffix(" s")) <= 720
    assert "failing_since" in run(f"hooks show {hook}").fields()
    counts(4, 2, 2)

    # Why did the other hook get nothing?
    said = run(f"explain {source}")
    assert said.fields()["source"] == source
    assert [hook, "yes", "it subscribed to event.created", listener.url] in said.rows()
    assert [other, "no", "the record is of project 11, and it gets those of 12", listener.url] in said.rows()
    assert re.search(rf"{hook}.* {broken}\n", said.stdout)
    assert [" ".join(row[2:6]) for row in said.rows() if re.fullmatch(TIME, row[0])] == [
        "1 live retried 503",
        "2 retry retried 503",
    ]

    # Run it now: it is given up, as is what is answered with 404.
    assert run(f"pending {hook} --retry {broken}").stdout == "1 call set to run now\n"
    assert set(listener.latest(6, status=503)) == {broken}
    listener.start(secret, "--status", "404")
    refused_at = send()
    (refused,) = listener.latest(7, status=404)
    shows(f"pending {hook}", ["no pending calls"])
    failures = ["1 live dead 404", "3 retry dead 503", "2 retry retried 503", "1 live retried 503"]
    attempts(f"requests {hook} --failed", *failures)
    counts(6, 2, 4)
    letters = eventually(lambda: len(found := run(f"dead-letters list --hook {hook}").rows()) == 2 and found)
    task = "streamhooks.process_service_hook"
    assert [row[2:] for row in letters] == [
        ["open", hook, listener.url, task, "status 404", "1", "404", refused_at, "0"],
        ["open", hook, listener.url, task, "retries used up: status 503", "3", "503", source, "0"],
    ]

    # Mend, and redrive: each is sent once.
    listener.start(secret)
    said = run(f"dead-letters redrive --hook {hook}", answer="y\n")
    assert said.stderr.startswith("Send 2 dead letters again? [y/N]:")
    assert said.stdout.strip() == "2 dead letters sent again, 0 skipped"
    assert set(listener.latest(9)[-2:]) == {broken, refused}
    again = run(f"dead-letters redrive --hook {hook}")
    assert again.stdout == "0 dead letters would be sent again, 0 skipped\n"
    shows(f"dead-letters list --hook {hook}", ["no dead letters"])
    eventually(lambda: {row[2] for row in run(f"dead-letters list --hook {hook} --state all").rows()} == {"delivered"})
    redriven = ["2 redrive delivered 200", "4 redrive delivered 200"]
    eventually(lambda: sorted(" ".join(row[2:6]) for row in run(f"requests {hook} --limit 2").rows()) == redriven)
    counts(8, 4, 4)

    # Replay: all four records once more, with the ids that they had.
    said = run(f"replay {hook} --from 1h", answer="y\n")
    assert re.match(rf"4 records from {TIME} UTC on: 4 deliveries\nSend 4 deliveries\? \[y/N\]:", said.stderr)
    assert re.fullmatch(r"replay \w+: 4 records\nall deliveries are under way", said.stdout.strip())
    assert sorted(listener.latest(13)[-4:]) == sorted([*ids, broken, refused])
    replayed = ["1 replay delivered 200"] * 4
    attempts(f"requests {hook} --limit 4", *replayed)
    counts(8, 4, 4)

    # Rotate the secret: the receiver knows the new one alone.
    said = run(f"hooks rotate-secret {hook}")
    fresh = said.stdout.strip()
    assert re.fullmatch(r"whsec_\S+", fresh)
    assert fresh != secret
    kept = rf"keep it: it is not shown again; the previous one keeps signing until {TIME} UTC\n"
    assert re.fullmatch(kept, said.stderr)
    listener.start(fresh)
    send()
    listener.latest(14)
    counts(9, 5, 4)

    # Disable: what comes now is missed.
    assert run(f"hooks disable {hook}").fields()["status"] == "disabled"
    missed = [send(), send()]
    eventually(lambda: run(f"missed {hook}").fields().get("records to examine") == "2")
    listener.latest(14)

    # Resume.
    said = run(f"hooks enable {hook}", code=1)
    assert re.fullmatch(
        r"Error: it missed 2 records since \S+: give --resume skip, --resume all or --resume TIME\n", said.stderr
    )
    said = run(f"hooks enable {hook} --resume all")
    assert said.fields()["status"] == "active"
    assert re.fullmatch(r"sending the missed records: 2 records since \S+", said.stdout.splitlines()[-1])
    listener.latest(16)
    attempts(f"requests {hook} --limit 2", *["1 resume delivered 200"] * 2)
    assert {row[-1] for row in run(f"requests {hook} --limit 2").rows()} == set(missed)
    shows(f"missed {hook}", ["nothing to catch up on"])
    counts(11, 7, 4)

    # In all: what is shown is what the receiver got, each as often as it came.
    shown = run(f"requests {hook} --limit 100").stdout
    assert Counter(re.findall(r"msg_\w+", shown)) == listener.ids()
    assert run(f"requests {other}").stdout == "nothing was sent\n"
    for one in (hook, other):
        said = run(f"hooks rm {one}", answer="y\n")
        assert said.stderr.startswith(f"Delete {one}, which calls {listener.url}? [y/N]:")
        assert said.stdout.strip() == f"deleted {one}"
    assert run(f"hooks show {hook}", code=1).stderr == "Error: hook not found\n"
    listener.stop()
    listener.latest(16)

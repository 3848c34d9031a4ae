"""Calls from programs of every kind: forked, threaded, asynchronous; each call is stored, or its program is told."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from support.topics import consume_all, create_topic

from streamhooks.dev.kafka import EmbeddedKafka

PROGRAM = """
import asyncio, concurrent.futures, multiprocessing, os, signal, sys, threading
import streamhooks
from streamhooks import PublishError, instrumented_task

fork = multiprocessing.get_context("fork")

@instrumented_task(name="anywhere.t")
async def t(tag: str) -> None: ...

def calls(tag, confirm=False):
    handles = [t.apply_async([tag], countdown=3600) for _ in range(5)]
    if confirm:
        for handle in handles:
            handle.result(30)

def flushed(tag):
    calls(tag)
    streamhooks.flush(30)

def in_child(work, *args):
    child = fork.Process(target=work, args=args)
    child.start()
    child.join(60)
    assert child.exitcode == 0, child.exitcode

def by_fork(work, *args):
    pid = os.fork()
    if pid == 0:
        work(*args)
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""

#: what each program does; its comment is how many calls it makes, in all of its processes
WAYS = {
    "plain": "calls(tag)  # 5",
    "thread": "x = threading.Thread(target=calls, args=(tag,)); x.start(); x.join()  # 5",
    "child first": "in_child(calls, tag)  # 5",
    "after a call": "calls(tag); in_child(calls, tag)  # 10",
    "after a confirmed call": "calls(tag, True); in_child(calls, tag, True)  # 10",
    "fork": "calls(tag, True); by_fork(calls, tag); calls(tag)  # 15",
    "fork of a fork": "calls(tag); by_fork(by_fork, calls, tag)  # 10",
    "fork without calls": "calls(tag); by_fork(int)  # 5",
    "fork in a thread": """
calls(tag)
x = threading.Thread(target=in_child, args=(calls, tag)); x.start(); x.join()  # 10""",
    "fork while calls are made": """
stop = threading.Event()
def steadily():
    while not stop.wait(0.001): calls('else')
x = threading.Thread(target=steadily); x.start()
for _ in range(10): in_child(calls, tag, True)
stop.set(); x.join()  # 50""",
    "os._exit after a flush": """
calls(tag)
if (pid := os.fork()) == 0:
    flushed(tag); os._exit(0)
os.waitpid(pid, 0)  # 10""",
    "executor": """
calls(tag)
with concurrent.futures.ProcessPoolExecutor(2, mp_context=fork) as ex: list(ex.map(calls, [tag] * 3))  # 20""",
    "spawned": """
spawn = multiprocessing.get_context("spawn")
with concurrent.futures.ProcessPoolExecutor(1, spawn) as ex: list(ex.map(calls, [tag]))  # 5""",
    "pool": "calls(tag)\nwith fork.Pool(2) as pool: pool.map(flushed, [tag] * 3)  # 20",
    "pool that ends by itself": """
pool = fork.Pool(2)
pool.map(calls, [tag] * 3)
pool.close(); pool.join()  # 15""",
    "signal with a handler": """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
calls(tag); os.kill(os.getpid(), signal.SIGTERM)  # 5""",
    "asyncio": """
async def main():
    calls(tag); await t.delay(tag); calls(tag)
asyncio.run(main())  # 11""",
    "asyncio.to_thread": "asyncio.run(asyncio.to_thread(calls, tag, True))  # 5",
}


@pytest.fixture(scope="module")
def prefix(kafka: EmbeddedKafka) -> str:
    one = f"anywhere-{secrets.token_hex(4)}."
    create_topic(kafka.brokers, f"{one}delayed", 4)
    return one


def run(folder: Path, code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    program = folder / f"{secrets.token_hex(4)}.py"
    program.write_text(f"{PROGRAM}\nif __name__ == '__main__':\n{textwrap.indent(code, '    ')}\n")
    environment = os.environ | {f"STREAMHOOKS_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, str(program)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_each_call_is_stored_once(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    for way, code in WAYS.items():
        done = run(tmp_path, f"tag = {way!r}\n{code}", brokers=kafka.brokers, topic_prefix=prefix)
        assert (done.returncode, done.stderr) == (0, ""), (way, done.stderr)
    stored = [json.loads(record.value()) for record in consume_all(kafka.brokers, f"{prefix}delayed")]
    assert len({call["id"] for call in stored}) == len(stored)
    made = {way: int(code.rpartition("#")[2]) for way, code in WAYS.items()}
    assert Counter(tag for call in stored if (tag := call["args"][0]) in WAYS) == made


def test_a_handle_of_the_parent_says_so_in_a_child(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    code = "handle = t.delay('parent')\nif os.fork() == 0:\n    handle.result(30)\nelse:\n    os.wait()"
    done = run(tmp_path, code, brokers=kafka.brokers, topic_prefix=prefix)
    assert "RuntimeError: the call was made by another process" in done.stderr


@pytest.fixture
def nobody() -> Callable[[], str]:
    """Return an address at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{one.getsockname()[1]}"


@pytest.mark.parametrize(
    ("wait", "error"),
    [
        ("t.delay('x').result(0.1)", "TimeoutError"),
        ("t.delay('x').result()", "NotConfirmed"),
        ("asyncio.run(awaits())", "NotConfirmed"),
        ("t.delay('x'); streamhooks.flush(0.1)", "TimeoutError"),
        ("t.delay('x'); streamhooks.flush()", "NotConfirmed"),
        ("in_child(caught, lambda: t.delay('x').result())", "NotConfirmed"),
    ],
)
def test_without_a_kafka_there_is_an_error_to_catch(nobody: str, tmp_path: Path, wait: str, error: str) -> None:
    code = (
        "async def awaits(): await t.delay('x')\n"
        "def caught(work):\n    try: work()\n"
        "    except (PublishError, TimeoutError) as error: print(type(error).__name__)\n"
        f"caught(lambda: [{wait.replace('; ', ', ')}])"
    )
    done = run(tmp_path, code, brokers=nobody, topic_prefix="away.", call_timeout="1")
    assert (done.returncode, done.stdout) == (0, f"{error}\n"), done.stderr
    # It ends when the call does, and tells what is lost.
    assert done.stderr.count("a call of anywhere.t was not stored") == 1


def test_a_missing_topic_is_named(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    code = "try: t.delay('x').result()\nexcept PublishError as error: print(error)"
    done = run(tmp_path, code, brokers=kafka.brokers, topic_prefix=f"none-{secrets.token_hex(4)}.", call_timeout="20")
    assert "there is no such topic" in done.stdout, done.stdout + done.stderr

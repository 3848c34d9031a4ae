"""`messages`: queued messages to Standard Webhooks, beside events to service hooks, by the same worker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from benchmarks import sample
from benchmarks.cases.deliver import EACH
from benchmarks.options import Options, Say
from benchmarks.report import Result
from benchmarks.stage import PARTITIONS, Sender, Stage, stage
from benchmarks.topics import Group, Pair
from benchmarks.turns import drain_result, drains_in_turns

EVENTS, MESSAGES = "events", "messages"
#: the requirement: messages keep this part of the rate
AIM = 0.95


def run(options: Options, say: Say) -> Result:
    """Drain both in turns: a service hook and a message hook per project."""
    events = options.choose(15_000, 500)
    projects = sample.even_projects(EACH, PARTITIONS)
    with stage() as scene:
        of_events, of_messages = (sample.hooks(scene.receiver, dict.fromkeys(projects, 1)) for _ in range(2))
        hooks = [*of_events, *(replace(one, format="standard") for one in of_messages)]
        say("starting the worker")
        worker = scene.workers("one.", 1, hooks)
        senders = [replace(worker, name=EVENTS), _of_messages(scene, worker)]
        drains = drains_in_turns(scene, senders, projects, events, options, say)
    notes = ["the data of a message is a whole event, so both bodies are about as long", f"asked for: at least {AIM}"]
    return drain_result("messages", "messages: beside events, one hook each, draining", drains, EVENTS, notes)


def _of_messages(scene: Stage, worker: Sender) -> Sender:
    topic = f"{worker.prefix}messages"
    group = Group(scene.brokers, f"{worker.prefix}worker", topic)

    def queue(pairs: Iterable[Pair]) -> None:
        scene.writer.write(topic, sample.as_messages(pairs))

    def wait_settled(timeout: float) -> None:
        group.wait_settled(timeout)
        worker.wait_settled(timeout)

    return replace(worker, name=MESSAGES, topic=topic, queue=queue, wait_settled=wait_settled)

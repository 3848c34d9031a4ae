"""What the filter of a hook means for the calls that come to it, with everything around the runners faked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from support.runs import HOOK, Owner, World

from streamhooks.metrics import FILTERED
from streamhooks.records.message import Message
from streamhooks.tasks.call import Call
from streamhooks.webhooks import filtering
from streamhooks.webhooks.filtering import OF_MESSAGES, let_through

PAID = Message("order.paid", "1", {"total": 120})


def filtered(text: str | None, hook_id: str = HOOK.id) -> Any:
    return replace(HOOK, id=hook_id, filter=text, format="data")


async def run(text: str | None, *, message: Any = PAID, **of_call: Any) -> tuple[World, list[int], Owner]:
    """Run a call of a hook with this filter; return what is left, and the attempts that were made."""
    world, sent, owner = World(), [], Owner()

    async def deliver(call: Call) -> None:
        sent.append(call.attempt)

    world.hooks.get = lambda _hook_id: filtered(text)
    task = world.delivery(deliver, OF_MESSAGES)
    world.tasks[OF_MESSAGES] = replace(task, of_messages=True)
    call = Call("c1", task.name, 0, 0, [HOOK.id, message], hook_id=HOOK.id, source="m:0:0", **of_call)
    await world.runners.start(call, owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    return world, sent, owner


@pytest.mark.parametrize("message", [PAID, PAID.to_fields()])
async def test_a_retry_goes_by_the_filter_of_its_time(message: Any) -> None:
    world, sent, _ = await run("message.data.total > 100", message=message, attempt=2, stored=True)
    assert sent == [2]
    before = FILTERED.labels("no_match")._value.get()
    world, sent, _ = await run("message.data.total > 200", message=message, attempt=2, stored=True)
    assert (sent, world.outputs.dead, len(world.outputs.settled)) == ([], [], 1)
    assert FILTERED.labels("no_match")._value.get() == before + 1


async def test_what_no_longer_passes_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    await run("message.data.sum > 200", attempt=3, stored=True)
    (line,) = [record.getMessage() for record in caplog.records if record.name == filtering.__name__]
    assert "attempt=3" in line
    assert "the filter of its hook does not let it pass: there is no sum" in line


async def test_what_can_not_be_evaluated_is_a_dead_letter_of_the_hook() -> None:
    for text, why in [
        ("message.data.total > 'x'", "No such overload"),
        ("message.data.total >", "it can't be compiled: position 21"),
        ("message.data.total", "its value is of type int"),
    ]:
        world, sent, _ = await run(text)
        assert sent == []
        ((_, reason, _),) = world.outputs.dead
        assert reason.startswith("the filter of its hook can't be evaluated: ")
        assert why in reason


async def test_a_letter_whose_message_does_not_pass_stays_open() -> None:
    world, sent, _ = await run("false", stored=True, letter="k")
    assert sent == []
    assert [ended[2:] for ended in world.outputs.ended] == [
        ("open", "the filter of its hook does not let it pass: it is false")
    ]


async def test_what_was_judged_with_its_record_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtering, "kept_back", None)
    _, sent, _ = await run("false", is_fit=True)
    assert sent == [1]


def test_hooks_without_a_match_get_nothing_and_those_that_fail_are_told_apart() -> None:
    hooks = [
        filtered("message.data.total > 100", "1"),
        filtered("message.data.total > 200", "2"),
        filtered("message.data.sum > 1", "3"),
        filtered("message.data.total > 'x'", "4"),
        filtered(None, "5"),
        filtered("false", "disabled"),
    ]
    found = let_through(hooks, PAID, lambda hook_id: hook_id != "disabled")
    assert [(hook.id, is_certain) for hook, is_certain in found] == [
        ("1", True), ("4", False), ("5", True), ("disabled", False),
    ]  # fmt: skip


def test_a_message_is_converted_only_if_a_hook_has_a_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Message] = []
    subject_of = filtering.subject_of
    monkeypatch.setattr(filtering, "subject_of", lambda message: asked.append(message) or subject_of(message))
    assert len(list(let_through([filtered(None)] * 3, PAID, lambda _hook: True))) == 3
    assert asked == []
    assert len(list(let_through([filtered("true")] * 3, PAID, lambda _hook: True))) == 3
    assert asked == [PAID]


@pytest.mark.parametrize(
    "text",
    [
        f"message.data.text.matches('a{'.' * 900}b')",
        f"message.data.list.exists(i, i in [{'1,' * 90}1])",
        "message.data.text == '' || message.data.list == [1]",
    ],
)
def test_of_filters_that_cost_much_only_some_are_asked_in_a_turn(text: str) -> None:
    message = replace(PAID, data={"text": "ac" * 6_000, "list": [2] * 20_000})
    decided = [
        is_certain for _, is_certain in let_through([filtered(f"{text} || true")] * 100, message, lambda _: True)
    ]
    assert len(decided) == 100
    assert 1 <= sum(decided) < 100
    assert decided == sorted(decided, reverse=True)
    cheap = [filtered(f"message.data.list[0] == {number} || true") for number in range(100)]
    assert all(is_certain for _, is_certain in let_through(cheap, replace(PAID, data={"list": [1]}), lambda _: True))

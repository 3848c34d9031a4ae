from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState
from streamhooks.records.secret import generate_secret, masked

HOOK: dict[str, Any] = {
    "id": "A" * 32,
    "organization_id": 1,
    "url": "https://receiver.example/hook",
    "events": ["event.created"],
    "secret": "0123456789abcdef",
}
#: what is neither a name nor a description
UNFIT: list[Any] = [
    "", " ", 7, True, [], {}, "a\nb", "a\x00", "\x1b[31m", "a\x7f", "a\x9b", "a\u2028b", "\u202eb", "\u2066b", "\ud800",
    "x" * 1001,
]  # fmt: skip


def test_missing_fields_get_defaults():
    hook = Hook.from_fields(HOOK)
    assert hook == Hook("a" * 32, "1", HOOK["url"], ("event.created",), HOOK["secret"])
    assert (hook.project_ids, hook.app_id, hook.version, hook.status, hook.date_created) == (
        (),
        None,
        0,
        "active",
        "",
    )


def test_every_field():
    hook = Hook.from_fields(
        HOOK
        | {"project_ids": [3, "20", "3"], "app_id": 9, "events": ["issue.created", "comment"], "version": 1}
        | {"status": "disabled", "headers": {"X-A": "b"}, "timeout": 3, "max_in_flight": 2, "rate_limit": 0.5}
        | {"retry_schedule": [1, 2.5], "date_created": "2026-01-31", "previous_secret": "old"}
        | {"previous_secret_until": 17, "dateCreated": "unknown fields are left out"}
    )
    assert hook.project_ids == ("20", "3")
    assert hook.events == ("comment.created", "comment.deleted", "comment.updated", "issue.created")
    assert (hook.app_id, hook.version, hook.status) == ("9", 1, "disabled")
    assert (hook.headers, hook.timeout, hook.max_in_flight, hook.rate_limit) == ({"X-A": "b"}, 3.0, 2, 0.5)
    assert (hook.retry_schedule, hook.previous_secret, hook.previous_secret_until) == (
        (1.0, 2.5),
        "old",
        17.0,
    )


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("id", (None, "a" * 31, 1)),
        ("organization_id", (None, "", True)),
        ("project_ids", ("1", {}, [None], [True])),
        ("app_id", ("", False)),
        (
            "url",
            (None, "", "ftp://x/", "https://", "https://x/" + "a" * 503, "https://x/ y", "https://x/\n", 1),
        ),
        ("events", (None, "event.created", [1], [None], ["issue.created"])),
        ("secret", (None, "", "short", "x" * 257, "whsec_!!!!!!!!!!!!!", 1)),
        ("version", (-1, "0", 0.0, True)),
        ("status", ("paused", 0, True)),
        ("headers", ([], {"a b": "c"}, {"": "c"}, {"a": "b\r\nc: d"}, {"a": 1})),
        ("timeout", (0, -1, "5", float("nan"), float("inf"), True)),
        ("max_in_flight", (0, 1.0, "1", True)),
        ("rate_limit", (0, -0.5, "1", float("nan"))),
        ("retry_schedule", ("1", [-1], [None], [True], [float("inf")])),
        ("date_created", (1, [])),
        ("previous_secret", ("old secret", 1)),
        ("previous_secret_until", ("soon", float("nan"))),
        ("earlier_secret", ("old secret", 1)),
        ("earlier_secret_until", ("soon", float("nan"))),
    ],
)
def test_broken_hook_names_the_field(field, values):
    for value in values:
        with pytest.raises(BrokenRecord, match=f"^{field}: "):
            Hook.from_fields(HOOK | {field: value})


@pytest.mark.parametrize("name", ["name", "description"])
@pytest.mark.parametrize("unfit", UNFIT)
def test_a_label_that_nobody_can_be_shown_is_none_and_breaks_no_hook(name, unfit):
    """Version 0.1.0 knew no such field and passed it over, whatever it was."""
    assert getattr(Hook.from_fields(HOOK | {name: unfit}), name) is None


def test_labels():
    hook = Hook.from_fields(HOOK | {"name": "a" * 100, "description": "Für „Käufe“, \U0001f4a5 <b>" + "b" * 950})
    assert hook.name == "a" * 100
    assert hook.description.startswith("Für „Käufe“, \U0001f4a5 <b>")
    assert Hook.from_fields(hook.to_fields()) == hook
    joined = "\u200fשלום\xa0עולם \U0001f469\u200d\U0001f4bb"
    assert Hook.from_fields(HOOK | {"name": joined}).name == joined
    assert Hook.from_fields(HOOK | {"name": "a" * (100 + 1)}).name is None
    assert Hook.from_fields(HOOK | {"description": "a" * (1000 + 1)}).description is None
    assert (Hook.from_fields(HOOK).name, Hook.from_fields(HOOK | {"name": None}).name) == (None, None)


def test_secrets_stay_out_of_texts():
    secret = generate_secret()
    hook = Hook.from_fields(HOOK | {"secret": secret, "previous_secret": "forgotten", "previous_secret_until": 1})
    assert secret not in repr(hook)
    assert "forgotten" not in repr(hook)
    hook = Hook.from_fields(HOOK | {"earlier_secret": "long forgotten", "earlier_secret_until": 1})
    assert "forgotten" not in repr(hook)
    with pytest.raises(BrokenRecord) as broken:
        Hook.from_fields(HOOK | {"secret": "whsec_verysecret!"})
    assert "verysecret" not in str(broken.value)


def test_secret():
    first, second = generate_secret(), generate_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(b64decode(first.removeprefix("whsec_"), validate=True)) == 32
    assert masked(first) == masked(second) == "whsec_********"
    assert masked("my own secret 123") == "********"


def test_state():
    state = HookState.from_fields({"id": "B" * 32, "disabled_since": 5})
    assert state == HookState("b" * 32, disabled_since=5.0)


@pytest.mark.parametrize("since", ["5", True, -1])
def test_broken_state_names_the_field(since):
    with pytest.raises(BrokenRecord, match=r"^disabled_since: "):
        HookState.from_fields({"id": "b" * 32, "disabled_since": since})


@pytest.mark.parametrize("resume", ["", "some", "-1", "1e9", "2026-11-25"])
def test_what_becomes_of_what_was_missed_is_one_of_three(resume):
    with pytest.raises(BrokenRecord, match=r"^resume: "):
        Hook.from_fields({**HOOK, "resume": resume})

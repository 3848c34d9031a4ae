from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.hooks.table import Status
from streamhooks.masking import MASK
from streamhooks.records.hook import Hook
from streamhooks.web.http.problems import ProblemError
from streamhooks.web.rules.hook_input import changed_hook, new_hook

ID = "0123456789abcdef0123456789abcdef"
NOW = 1_700_000_000.0
RIGHT = {"organization_id": "1", "url": "https://example.com/in", "events": ["event.created"]}
HEADED = {"X-Key": "hunter2", "Authorization": "Bearer hunter3"}
CHECK = AddressPolicy().check_url


def make(**fields: Any) -> Hook:
    return new_hook({**RIGHT, **fields}, ID, NOW, CHECK)


def change(
    hook: Hook, now: float = NOW + 100, overlap: float = 3600, found: float | None = None, **fields: Any
) -> Hook:
    disabled = found is not None or hook.status == "disabled"
    return changed_hook(hook, fields, now, overlap, CHECK, Status("disabled" if disabled else "active", None, found))


def problems(call, *args: Any, **fields: Any) -> dict[str, str]:
    with pytest.raises(ProblemError) as raised:
        call(*args, **fields)
    assert raised.value.status == 400
    return dict(raised.value.body)


def test_a_hook_as_small_as_it_can_be() -> None:
    hook = make()
    assert (hook.id, hook.organization_id, hook.status, hook.version) == (ID, "1", "active", 0)
    assert hook.secret.startswith("whsec_")
    assert hook.secret != make().secret
    assert hook.enabled_at == NOW
    assert hook.date_created == "2023-11-14T22:13:20.000+00:00"
    assert Hook.from_fields(hook.to_fields()) == hook


def test_a_hook_with_everything() -> None:
    hook = make(
        organization_id=7, app_id=8, events=["issue", "issue.created"], secret="s" * 16, project_ids=[2, "1", 2],
        version=0, status="disabled", headers={"X-Key": "v"}, timeout=30, max_in_flight=1, rate_limit=0.5,
        retry_schedule=[0, 5.5], name="Orders, live", description="Für „Käufe“ <b>",
    )  # fmt: skip
    assert (hook.name, hook.description) == ("Orders, live", "Für „Käufe“ <b>")
    assert (change(hook, name=None).name, change(hook, description="new").description) == (None, "new")
    assert (hook.organization_id, hook.app_id, hook.project_ids) == ("7", "8", ("1", "2"))
    assert hook.events == tuple(
        f"issue.{name}" for name in ("archived", "assigned", "created", "ignored", "resolved", "unresolved")
    )
    assert (hook.secret, hook.version, hook.status) == ("s" * 16, 0, "disabled")
    assert (hook.headers, hook.timeout, hook.max_in_flight) == ({"X-Key": "v"}, 30, 1)
    assert (hook.rate_limit, hook.retry_schedule) == (0.5, (0, 5.5))


def test_null_is_absent_on_create() -> None:
    hook = make(app_id=None, secret=None, version=None, status=None, headers=None, project_ids=None)
    assert (hook.app_id, hook.version, hook.status, hook.headers) == (None, 0, "active", None)
    assert problems(make, url=None) == {"url": "is required"}


def test_all_that_is_wrong_is_told() -> None:
    wrong = problems(make, url="ftp://x", events=["issue.created"], timeout=-1, colour="red", version=True)
    assert wrong.keys() == {"url", "events", "timeout", "colour", "version"}
    assert problems(new_hook, {}, ID, NOW, CHECK).keys() == {"organization_id", "url", "events"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("organization_id", v) for v in ("", True, 1.5, [], {}, "x" * 201)),
        *(("app_id", v) for v in ("", False, {}, "x" * 201)),
        *(("name", v) for v in ("", "  ", 5, [], "x" * 101, "a\nb", "a\x1b[31m", "\u202ea")),
        *(("description", v) for v in ("", "  ", 5, [], "x" * 1001, "a\nb", "a\x1b[31m", "\u202ea")),
        *(
            ("url", v)
            for v in (
                5, "", "example.com", "ftp://example.com", "http://127.0.0.1/", "http://127.1/", "http://10.0.0.1",
                "http://[::1]/", "http://2130706433/", "http://u:p@example.com/", "http://localhost/",
                "http://169.254.169.254/latest", "https://example.com/" + "x" * 500, "http://exa mple.com/",
            )
        ),
        *(("events", v) for v in (["event.created"] * 101, ["x.y"], [], ["event.*"], ["*"])),
        *(("events", v) for v in ("event.created", ["event"], ["issue"], [1], [None], {"a": 1}, ["event.x"])),
        *(("secret", v) for v in ("", "x" * 15, "x" * 257, 5, "whsec_" + "*" * 20, True, MASK, "whsec_" + MASK)),
        *(("secret", "whsec_" + b64encode(bytes(size)).decode()) for size in (9, 16, 23, 65)),
        *(("project_ids", v) for v in ("1", [""], [None], [True], [1.5], {}, ["x" * 201], list(range(1001)))),
        *(("version", v) for v in (-1, 1, 7, 1.5, "0", True, 2**64)),
        *(("status", v) for v in ("", "paused", 1, True, [])),
        *(("timeout", v) for v in (0, -1, 30.1, "5", True, 1e300, [])),
        *(("max_in_flight", v) for v in (0, -1, 1.5, "5", True, 10_001)),
        *(("rate_limit", v) for v in (0, -1, "5", True, 1e-300, 1e9)),
        *(("retry_schedule", v) for v in (5, [-1], ["1"], [True], [30 * 86_400 + 1], [1] * 51, {})),
        *(
            ("headers", v)
            for v in (
                [], "x", {"": "v"}, {"a b": "v"}, {"a:": "v"}, {"a\r\n": "v"}, {"X-A": "v\r\nX-B: 1"}, {"X-A": "\n"},
                {"X-A": 5}, {"X-A": None}, {"X-A": "é"}, {"X-A": "v" * 1025}, {"x" * 101: "v"},
                {"X-A": "1", "x-a": "2"}, {f"X-{n}": "v" for n in range(21)}, {"X-A": MASK}, {"X-A": "\x00"},
                {f"X-{n:02}": "v" * 1021 for n in range(8)},
            )
        ),
    ],
)  # fmt: skip
def test_wrong_values(field: str, value: Any) -> None:
    events = {"events": ["issue"]} if field == "app_id" else {}
    assert problems(make, **events, **{field: value}).keys() == {field}
    if field not in ("organization_id", "app_id"):
        assert problems(change, make(), **{field: value}).keys() == {field}


def test_a_problem_never_holds_the_secret() -> None:
    assert "hunter2" not in str(problems(make, secret="hunter2"))
    assert "hunter2" not in str(problems(make, headers={"X-Key": "hunter2\n"}))


def test_put_changes_only_what_is_given() -> None:
    hook = make(headers={"X-Key": "v"}, timeout=5, status="disabled")
    assert change(hook) == hook
    changed = change(hook, url="https://example.com/other")
    assert changed.to_fields() == {**hook.to_fields(), "url": "https://example.com/other"}


def test_put_null_is_the_default_where_there_is_one() -> None:
    hook = make(headers={"X-Key": "v"}, timeout=5, project_ids=["1"], retry_schedule=[1], rate_limit=1, max_in_flight=1)
    changed = change(
        hook, headers=None, timeout=None, project_ids=None, retry_schedule=None, rate_limit=None, max_in_flight=None
    )
    assert changed.to_fields() == {**make().to_fields(), "secret": hook.secret}
    for name in ("url", "events", "secret", "status", "version"):
        assert problems(change, hook, **{name: None}).keys() == {name}


@pytest.mark.parametrize("name", ["id", "organization_id", "app_id", "date_created"])
def test_put_of_what_is_fixed(name: str) -> None:
    assert problems(change, make(), **{name: "1"}) == {name: "can't be changed"}


@pytest.mark.parametrize("name", ["previous_secret", "enabled_at", "status_reason", "x"])
def test_put_of_unknown_fields(name: str) -> None:
    assert problems(change, make(), **{name: 1}) == {name: "unknown field"}


def test_put_of_events_fits_the_kind() -> None:
    app = make(app_id="1", events=["issue.created"])
    assert change(app, events=["comment", "my_model.any"]).events[-1] == "my_model.any"
    assert problems(change, app, events=["event.alert.x"])
    assert change(make(), events=["event.alert", "event.alert"]).events == ("event.alert",)


def test_put_active_forgives() -> None:
    hook = make()
    assert change(hook, status="active").enabled_at == NOW + 100
    assert change(hook, status="disabled").enabled_at == NOW
    assert change(hook, timeout=1).enabled_at == NOW


def test_put_of_a_secret_has_the_old_one_sign_too() -> None:
    hook = make()
    changed = change(hook, secret="n" * 20)
    assert (changed.secret, changed.previous_secret, changed.previous_secret_until) == (
        "n" * 20, hook.secret, NOW + 100 + 3600,
    )  # fmt: skip
    assert change(hook, secret=hook.secret) == hook
    assert change(hook, secret="n" * 20, overlap=0).previous_secret is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, None),
        ({"resume": "skip"}, "skip"),
        ({"resume": "all"}, "all"),
        ({"resume": 1_700_000_000}, "1700000000.000"),
        ({"resume": "2023-11-14T22:13:20Z"}, "1700000000.000"),
    ],
)
def test_enabling_decides_what_becomes_of_what_was_missed(given, kept) -> None:
    disabled = change(make(), status="disabled")
    hook = change(disabled, now=NOW + 200, status="active", **given)
    assert (hook.resume, hook.resumed_at) == (kept, NOW + 200)
    # Once decided, it is not decided again by who only says that the hook is to be active.
    assert change(hook, now=NOW + 300, status="active") == replace(hook, enabled_at=NOW + 300)
    assert change(hook, now=NOW + 300, timeout=3).resume == kept


def test_a_clock_that_is_late_enables_and_decides_all_the_same() -> None:
    hook = replace(make(), resumed_at=NOW + 500)
    enabled = change(hook, now=NOW, found=NOW + 60, status="active", resume="all")
    assert enabled.enabled_at > NOW + 60
    assert enabled.resumed_at > NOW + 500


@pytest.mark.parametrize("resume", [None, "some", "", True, -1, [], "1e400", 1e300])
def test_wrong_resume(resume) -> None:
    assert set(problems(change, make(), status="active", resume=resume)) == {"resume"}


def test_resume_goes_with_enabling() -> None:
    assert problems(change, make(), resume="all") == {"resume": "goes with status: active"}
    assert problems(change, make(), status="disabled", resume="all") == {"resume": "goes with status: active"}


NAMES = [f"model{number}.changed" for number in range(200)]


def test_bounds_are_reached_and_not_passed() -> None:
    headers = {f"X-{number:02}": "v" * 1020 for number in range(7)} | {"X-07": "v" * 1020}
    assert sum(len(name) + len(value) for name, value in headers.items()) == 8192
    hook = make(app_id="1", events=NAMES[:100], project_ids=list(range(1000)), headers=headers)
    assert (len(hook.events), len(hook.project_ids), hook.headers, hook.blocked) == (100, 1000, headers, None)
    over: list[tuple[str, Any, str]] = [
        ("events", NAMES[:101], "100"),
        ("project_ids", list(range(1001)), "1000"),
        ("headers", headers | {"X-07": "v" * 1021}, "8192"),
    ]
    for field, value, bound in over:
        wrong = problems(make, **{"app_id": "1", "events": ["issue"], field: value})
        assert wrong.keys() == {field}
        assert bound in wrong[field]
        assert problems(change, hook, **{field: value}) == wrong


@pytest.mark.parametrize("name", ["event.created", "event.alert", "event.*", "Event.Created", "a.b.c"])
def test_events_that_never_fire_a_hook_of_an_app(name: str) -> None:
    assert problems(make, app_id="1", events=["comment.created", name]).keys() == {"events"}


def test_a_stored_hook_keeps_what_a_new_one_may_not_have() -> None:
    stored = replace(make(app_id="1", events=["issue"]), events=(), version=7)
    assert change(stored, timeout=3).version == 7
    assert problems(change, stored, version=1) == {"version": "must be 0"}
    of_app = replace(stored, events=("event.created", "issue.created"))
    assert change(of_app, timeout=3).events == of_app.events


def test_actions_of_a_resource_count_by_themselves() -> None:
    assert len(make(app_id="1", events=["issue", *NAMES[:94]]).events) == 100
    assert problems(make, app_id="1", events=["issue", *NAMES[:95]]) == {"events": "must be at most 100"}


def over(**fields: Any) -> Hook:
    """A hook over its bounds, as it can lie in the topic."""
    return Hook.from_fields({**RIGHT, "id": ID, "secret": "s" * 16, "app_id": "1", "events": NAMES} | fields)


def test_what_is_stored_over_a_bound_is_brought_within_it_by_a_change() -> None:
    hook = over(project_ids=list(range(1001)))
    wrong = {"events": "must be at most 100", "project_ids": "must be at most 1000"}
    for fields in ({"timeout": 3}, {"status": "active"}, {"status": "disabled"}, {}):
        assert problems(change, hook, **fields) == wrong
    assert problems(change, hook, events=NAMES[:3]) == {"project_ids": "must be at most 1000"}
    changed = change(hook, events=NAMES[:3], project_ids=None)
    assert (changed.events, changed.project_ids, changed.blocked) == (tuple(sorted(NAMES[:3])), (), None)


def test_a_secret_of_before_the_bounds_may_be_given_again() -> None:
    short = "whsec_" + b64encode(bytes(12)).decode()
    hook = replace(make(), secret=short)
    assert change(hook, secret=short, timeout=3) == replace(hook, timeout=3)
    assert problems(change, make(), secret=short).keys() == {"secret"}


@pytest.mark.parametrize("size", [24, 64])
def test_secrets_of_standard_webhooks(size: int) -> None:
    secret = "whsec_" + b64encode(bytes(size)).decode()
    assert make(secret=secret).secret == secret


def test_a_wrong_url_is_told_as_one() -> None:
    assert problems(change, make(headers=HEADED), url=None).keys() == {"url"}

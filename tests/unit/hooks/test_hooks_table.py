from __future__ import annotations

import base64
from dataclasses import replace

import orjson
import pytest

from streamhooks.hooks.matching import Ask
from streamhooks.hooks.table import HooksTable, Tally
from streamhooks.kafka.reader import Record
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState

SECRET = "whsec_" + base64.b64encode(b"x" * 32).decode()


def hook(number: int = 1, **fields) -> Hook:
    given_fields = {
        "id": f"{number:032x}",
        "organization_id": "1",
        "url": "https://example.com/",
        "events": ["event.created"],
        "secret": SECRET,
    }
    return Hook.from_fields(given_fields | fields)


def written(one: Hook) -> Record:
    return Record("hooks", 0, 0, 0, one.id.encode(), one.to_json())


def found_state(**fields) -> Record:
    state = HookState(f"{1:032x}", **fields)
    return Record("states", 0, 0, 0, state.id.encode(), state.to_json())


def table(*records: Record) -> HooksTable:
    made = HooksTable("hooks", "states")
    assert made.apply(list(records)) == []
    return made


def created(project_id: str) -> Ask:
    return Ask("service", "1", (project_id,), "event.created")


def ids(hooks: list[Hook]) -> set[int]:
    return {int(one.id, 16) for one in hooks}


def test_a_change_replaces_all_that_the_previous_version_matched():
    made = table(written(hook(1, project_ids=["7", "8"])))
    made.apply([written(hook(1, project_ids=["9"]))])
    assert made.matching(created("7")) == []
    assert ids(made.matching(created("9"))) == {1}
    made.apply([Record("hooks", 0, 1, 0, f"{1:032x}".encode(), None)])
    assert made.matching(created("9")) == []
    assert len(made._index) == 0


def test_wish_and_finding_are_shown_together_and_enabling_forgives():
    made = table(written(hook(1)), found_state(status_reason="the endpoint answered 410", disabled_since=100.0))
    status = made.status(f"{1:032x}")
    assert (status.status, status.reason, status.disabled_since) == ("disabled", "the endpoint answered 410", 100.0)
    assert not made.is_active(f"{1:032x}")
    made.apply([written(replace(hook(1), enabled_at=101.0))])
    assert made.is_active(f"{1:032x}")
    assert made.status(f"{1:032x}").status == "active"
    assert ids(made.matching(created("7"))) == {1}


def test_a_finding_may_come_before_its_hook():
    made = table(found_state(disabled_since=100.0), written(hook(1)))
    assert not made.is_active(f"{1:032x}")


def test_a_hook_that_its_owner_disabled_matches_too_so_that_what_comes_is_passed_over():
    made = table(written(hook(1, status="disabled")))
    assert ids(made.matching(created("7"))) == {1}
    assert not made.is_active(f"{1:032x}")
    assert made.tally() == Tally(disabled=1, failing=0, breakers_open=0)


@pytest.mark.parametrize("value", [b"{", b"[]", b"\xff\xfe", b"{}", orjson.dumps({"id": "1" * 32})])
def test_a_broken_record_leaves_the_previous_version_in_force(value):
    made = table(written(hook(1)))
    broken = made.apply([Record("hooks", 0, 5, 0, f"{1:032x}".encode(), value)])
    assert len(broken) == 1
    assert ids(made.matching(created("7"))) == {1}


def test_duplicates_count_as_one():
    one = hook(1, events=["event.created"] * 5000, project_ids=["7", 7] * 5000)
    assert (one.events, one.project_ids, one.blocked) == (("event.created",), ("7",), None)


def test_headers_are_counted_in_utf_8():
    assert hook(1, headers={"X-K": "é" * 4094}).blocked is None
    assert "8192 bytes" in str(hook(1, headers={"X-K": "é" * 4095}).blocked)
    assert hook(1, headers={"X-K": "v" * 8189}).blocked is None
    assert hook(1, headers={"X-K": "v" * 8190}).over_bounds.keys() == {"headers"}


def gitops(timestamp: float, **fields) -> Record:
    """A record by somebody who knows nothing of `enabled_at`; `timestamp` in epoch seconds."""
    value = {name: value for name, value in hook(**fields).to_fields().items() if name != "enabled_at"}
    return Record("hooks", 0, 0, int(timestamp * 1000), f"{1:032x}".encode(), orjson.dumps(value))


def test_who_writes_hooks_by_hand_enables_them_by_the_step_to_active():
    made = table(gitops(1000), found_state(disabled_since=1500.0, status_reason="the endpoint answered 410"))
    assert not made.is_active(f"{1:032x}")
    made.apply([gitops(1400)])  # an earlier wish changes nothing
    assert not made.is_active(f"{1:032x}")
    made.apply([gitops(1600, status="disabled")])
    assert made.status(f"{1:032x}").reason == "disabled by its owner"
    made.apply([gitops(1700, url="https://example.com/moved")])
    assert made.is_active(f"{1:032x}")
    assert made.decided(f"{1:032x}", 1699.0) == "all", "nobody said what becomes of what it missed"
    # It is disabled again by what is found after that.
    made.apply([found_state(disabled_since=1800.0)])
    assert not made.is_active(f"{1:032x}")


def test_a_hook_that_was_deleted_by_hand_and_comes_back_is_a_new_wish():
    made = table(gitops(1000), found_state(disabled_since=1500.0))
    made.apply([Record("hooks", 0, 1, 1_600_000, f"{1:032x}".encode(), None), gitops(1700)._replace(offset=2)])
    assert made.is_active(f"{1:032x}")


def test_what_the_api_wrote_says_itself_when_it_was_enabled():
    made = table(
        Record("hooks", 0, 0, 2_000_000, f"{1:032x}".encode(), hook(enabled_at=1000.0).to_json()),
        found_state(disabled_since=1500.0),
    )
    assert not made.is_active(f"{1:032x}")


def test_a_record_without_a_timestamp_can_be_written_again():
    made = table(gitops(-0.001))
    known = made.get(f"{1:032x}")
    assert known is not None
    assert Hook.from_fields(known.to_fields()) == known


ID = f"{1:032x}"
GONE = {"disabled_since": 1500.0, "upheld_at": 1500.0, "status_reason": "the endpoint answered 410"}


def test_a_record_that_says_active_again_undoes_no_finding():
    made = table(gitops(1000), found_state(**GONE))
    made.apply([gitops(1600, url="https://example.com/moved"), gitops(1700)])
    assert not made.is_active(ID)
    assert made.status(ID).reason == "the endpoint answered 410"
    assert made.tally().disabled == 1
    # Its owner writes that it stays in force, also for readers who know only the last record.
    assert made.upheld == {ID: 1700.0}
    made.apply([found_state(**GONE | {"upheld_at": 1700.0})])
    assert (made.upheld, made.is_active(ID)) == ({}, False)
    compacted = table(gitops(1700), found_state(**GONE | {"upheld_at": 1700.0}))
    assert not compacted.is_active(ID)
    for one in (made, compacted):
        one.apply([gitops(1800, status="disabled"), gitops(1900)])
        assert one.is_active(ID)
        assert one.upheld == {}


def test_a_finding_of_0_1_0_is_undone_by_each_later_record_as_it_was_then():
    made = table(gitops(1000), found_state(disabled_since=1500.0), gitops(1600))
    assert made.is_active(ID)


@pytest.mark.parametrize(
    ("order", "decided"), [({"resume": "all"}, "all"), ({"resume": "skip"}, "skip"), ({"resume": "1400"}, "1400")]
)
def test_a_record_with_a_resume_enables_whatever_the_clock_of_its_writer_says(order, decided):
    made = table(gitops(1000), found_state(**GONE), gitops(1600, **order))
    assert made.is_active(ID)
    assert made.decided(ID, 1599.0) == decided
    made.apply([gitops(1600, resume="all")])
    assert made.decided(ID, 1600.0) == "all"


def test_a_record_with_a_newer_enabled_at_enables_and_one_with_the_same_does_not():
    made = table(written(replace(hook(1), enabled_at=1000.0)), found_state(**GONE))
    made.apply([written(replace(hook(1), enabled_at=1000.0, timeout=3.0))])
    assert not made.is_active(ID)
    made.apply([written(replace(hook(1), enabled_at=1600.0))])
    assert made.is_active(ID)


def test_what_the_api_changes_of_a_hook_whose_finding_was_upheld_undoes_it_neither():
    made = table(gitops(1000), found_state(**GONE), gitops(1600))
    known = made.get(ID)
    assert known is not None
    made.apply([written(replace(known, timeout=3.0))])
    assert not made.is_active(ID)


def test_the_first_decision_after_a_moment_decides():
    made = table(written(hook(1)))
    for at, resume in ((10.0, "all"), (20.0, "skip"), (30.0, None)):
        made.apply([written(replace(hook(1), enabled_at=at, resumed_at=at, resume=resume))])
    assert [made.decided(ID, after) for after in (0.0, 10.0, 20.0, 30.0)] == ["all", "skip", "all", None]
    made.apply([Record("hooks", 0, 9, 0, ID.encode(), None)])
    assert made.decided(ID, 0.0) is None


def test_who_knows_the_last_record_only_takes_nothing_that_was_decided_before_for_its_own():
    decided = written(replace(hook(1), enabled_at=1000.0, resumed_at=1000.0, resume="skip"))
    whole, compacted = table(decided, gitops(1600, status="disabled")), table(gitops(1600, status="disabled"))
    late = compacted.get(ID).resumed_at
    # What it passes over is begun after this; who knows all must not take the old decision for one about it.
    assert whole.decided(ID, late) is None
    assert compacted.decided(ID, 1000.0) is None
    for made in (whole, compacted):
        made.apply([gitops(1700)])
        assert [made.decided(ID, after) for after in (1000.0, late)] == ["all", "all"]


def test_a_hook_of_the_api_about_which_nothing_was_ever_decided_says_so():
    made = table(
        written(replace(hook(1), enabled_at=1000.0)), written(replace(hook(1), enabled_at=1000.0, timeout=3.0))
    )
    known = made.get(ID)
    assert known is not None
    assert known.resumed_at == 0.0

"""Which hooks an ask is for: what `matches` says of one hook, and that the table's index says the same of all."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_hooks_table import hook, ids, table, written

from streamhooks.hooks.matching import Ask, matches, reasons_against
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record


def deleted(number: int) -> Record:
    return Record("hooks", 0, 0, 0, f"{number:032x}".encode(), None)


def test_service_hooks_match_by_organization_project_and_event():
    made = table(
        written(hook(1)),
        written(hook(2, project_ids=["7"])),
        written(hook(3, project_ids=["8"])),
        written(hook(4, organization_id="2")),
        written(hook(5, events=["event.alert"])),
        written(hook(6, app_id="9", events=["issue.created", "event.created", "*"])),
    )
    assert ids(made.matching(Ask("service", "1", ("7",), "event.created"))) == {1, 2}
    assert ids(made.matching(Ask("service", "1", ("7",), "event.alert"))) == {5}
    assert made.matching(Ask("service", "3", ("7",), "event.created")) == []


def test_app_hooks_match_by_project_and_without_one_only_those_for_every_project():
    made = table(
        written(hook(1, app_id="a", events=["issue"])),
        written(hook(2, app_id="a", events=["issue.created"], project_ids=["7"])),
        written(hook(3, app_id="b", events=["issue.created"])),
    )
    assert ids(made.matching(Ask("app", "1", ("7",), "issue.created"))) == {1, 2, 3}
    assert ids(made.matching(Ask("app", "1", (), "issue.created"))) == {1, 3}
    assert ids(made.matching(Ask("app", "1", ("6", "7"), "issue.created"))) == {1, 2, 3}
    assert ids(made.matching(Ask("app", "1", ("7",), "issue.created", "a"))) == {1, 2}
    assert ids(made.matching(Ask("app", "1", ("7",), "issue.resolved"))) == {1}


ASK = Ask("app", "1", ("7",), "issue.created", "a")


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({}, []),
        ({"project_ids": ["8", "7"]}, []),
        ({"events": ["issue.*"]}, []),
        ({"organization_id": "2"}, ["it belongs to organization 2, the record to 1"]),
        ({"app_id": "b"}, ["the record is for app a, and it belongs to app b"]),
        ({"events": ["comment.created"]}, ["it did not subscribe to issue.created"]),
        ({"project_ids": ["8", "9"]}, ["the record is of project 7, and it gets those of 8, 9"]),
        (
            {"project_ids": [f"{number}" for number in range(10, 32)]},
            [f"the record is of project 7, and it gets those of {', '.join(map(str, range(10, 30)))} and 2 more"],
        ),
        (
            {"app_id": None, "events": ["event.created"], "organization_id": "2", "project_ids": ["8"]},
            [
                "issue.created is for app hooks, and this is a service hook",
                "it belongs to organization 2, the record to 1",
                "it did not subscribe to issue.created",
                "the record is of project 7, and it gets those of 8",
            ],
        ),
    ],
)
def test_each_reason_is_named(fields, reasons):
    one = hook(1, **{"app_id": "a", "events": ["issue.created"]} | fields)
    assert list(reasons_against(one, ASK)) == reasons
    assert matches(one, ASK) == (not reasons)


def test_what_is_of_no_or_several_projects_says_so():
    one = hook(1, project_ids=["7"])
    for projects, text in (((), "no project"), (("8", "9"), "projects 8, 9")):
        (reason,) = reasons_against(one, Ask("service", "1", projects, "event.created"))
        assert reason == f"the record is of {text}, and it gets those of 7"


# With few of each, hooks are of both kinds that the index knows, and hooks of one kind become those of the other.
PROJECTS = [str(number) for number in range(5)]
SERVICE, APP = ("event.created", "event.alert"), (*(f"model.{name}" for name in "abcdef"), "model.*", "*")
projects = st.lists(st.sampled_from(PROJECTS), unique=True)
service_wishes = st.tuples(st.none(), st.lists(st.sampled_from(SERVICE), unique=True))
app_wishes = st.tuples(st.sampled_from(["1", "2"]), st.lists(st.sampled_from(APP), unique=True))
wishes = st.tuples(service_wishes | app_wishes, projects, st.sampled_from(["1", "2"]), st.booleans(), st.booleans())
changes = st.lists(st.tuples(st.integers(1, 5), st.none() | wishes), max_size=20)
#: more than a hook may have
MANY = [f"many.{number}" for number in range(150)]
ASKS = [
    Ask(kind, organization, of_projects, event, app_id)
    for kind, organization, of_projects, event, app_id in product(
        ("service", "app"),
        ("1", "2", "3"),
        ((), *((project,) for project in (*PROJECTS, "9")), ("3", "1", "9")),
        (*SERVICE, *APP, "model.new", "other.a", MANY[7]),
        (None, "1"),
    )
    if kind == "app" or app_id is None
]


def made_by(history) -> HooksTable:
    """The table after hooks were made, changed and deleted."""
    made = HooksTable("hooks", "states")
    for number, wish in history:
        if wish is None:
            assert made.apply([deleted(number)]) == []
            continue
        (app_id, subscribed), of_projects, organization, active, is_over = wish
        fields = {
            "app_id": app_id,
            "organization_id": organization,
            "project_ids": of_projects,
            "events": subscribed + (MANY if is_over and app_id else []),
            "status": "active" if active else "disabled",
        }
        assert made.apply([written(hook(number, **fields))]) == []
    return made


@given(changes)
def test_the_index_finds_what_matches(history):
    made = made_by(history)
    for ask in ASKS:
        found = [one.id for one in made.matching(ask)]
        assert sorted(found) == sorted(one.id for one in made if matches(one, ask))
    assert {one.id for one in made if made.is_active(one.id)} == {one.id for one in made if one.status == "active"}


@given(changes)
def test_the_index_holds_no_more_than_it_needs(history):
    made = made_by(history)
    assert len(made._index) <= sum(len(one.events) + len(one.project_ids) + 1 for one in made)
    made.apply([Record("hooks", 0, 0, 0, one.id.encode(), None) for one in made])
    assert len(made._index) == 0


@pytest.mark.parametrize(
    ("events", "projects", "blocked"),
    [(100, 1000, None), (9000, 1000, "events"), (9000, 0, "events"), (1, 20_000, "project_ids")],
)
def test_a_hook_costs_its_events_and_projects_and_not_their_product(events, projects, blocked):
    made = table(written(hook(1, app_id="1", events=["other.event"])))
    names, ids_of = [f"m{number}.x" for number in range(events)], [str(number) for number in range(projects)]
    for _ in range(2):  # the second time it takes the place of itself
        assert made.apply([written(hook(2, app_id="1", events=names, project_ids=ids_of))]) == []
        assert len(made._index) <= 2 + max(projects, 1)
    assert ids(made.matching(Ask("app", "1", ("0",), "m0.x"))) == {2}
    assert ids(made.matching(Ask("app", "1", ("x",), "m0.x"))) == (set() if projects else {2})
    status = made.status(f"{2:032x}")
    assert status.status == "active"
    assert (status.reason is None) == (blocked is None)
    if blocked:
        assert status.reason.startswith(f"over a bound: {blocked} must be at most 1")
        assert status.reason.endswith("; its deliveries wait")
    assert made.seals_changed == ({f"{2:032x}"} if blocked else set())
    made.apply([deleted(2)])
    assert len(made._index) == 1

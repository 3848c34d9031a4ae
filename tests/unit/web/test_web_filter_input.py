"""The filter of a hook that is made or changed."""

from __future__ import annotations

import pytest
from test_web_hook_input import change, make, problems

from streamhooks.records.hook import Hook
from streamhooks.web.http.problems import ProblemError


def test_a_filter_is_compiled_when_it_is_given() -> None:
    of_messages = {"format": "data", "events": ["order.*"]}
    hook = make(filter="message.data.total > 100", **of_messages)
    assert hook.filter == "message.data.total > 100"
    assert change(hook, filter=None).filter is None
    assert problems(make, filter="message.data.total >", **of_messages)["filter"].startswith("position 21: ")
    assert problems(change, hook, filter="totl > 100") == {"filter": "position 1: there is no totl, only message"}
    long = problems(make, filter="true" + " " * 1000, **of_messages)
    assert long["filter"].startswith("it has 1004 characters")
    two = "message.data.a.all(i, i > 0) && message.data.b.all(i, i > 0)"
    assert "one comprehension" in problems(make, filter=two, **of_messages)["filter"]
    assert problems(make, filter="", **of_messages) == {"filter": "must not be empty"}
    assert problems(make, filter=7, **of_messages) == {"filter": "must be a text"}


def test_a_hook_of_sentrys_format_has_no_filter() -> None:
    cure = {"filter": "is for hooks of messages: give the hook another format as well, such as data"}
    assert problems(make, filter="true") == cure
    assert problems(make, filter="true", format="sentry") == cure
    assert problems(change, make(), filter="true") == cure
    assert change(make(), filter="true", format="data").filter == "true"
    hook = make(filter="true", format="data")
    assert change(hook, format="standard").filter == "true"
    for sentry in ("sentry", None):
        with pytest.raises(ProblemError) as raised:
            change(hook, format=sentry)
        assert raised.value.status == 409
        assert "filter: null" in raised.value.body["detail"]
    assert change(hook, format="sentry", filter=None).format == "sentry"
    stored = Hook.from_fields({**make().to_fields(), "filter": "true"})
    assert stored.blocked == "it has a filter, which hooks of the format sentry can't have"

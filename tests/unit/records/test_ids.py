from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamhooks.records.ids import derived_id, webhook_id

sources = st.tuples(
    st.text("a1:.", max_size=4),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 20),
    st.text("a1:", max_size=4),
)
parts = st.lists(st.text("a1:", max_size=3), min_size=1, max_size=4)


def test_ids_never_change():
    """Receivers drop duplicates by them, so another version of streamhooks must give the same."""
    assert webhook_id("streamhooks.events", 3, 17, 1769860800000, "a" * 32) == "msg_a8dc55545172aebe0eed4080bf0ce544"
    assert derived_id("call", "event.created", 2) == "msg_836adaf16b4ef08bf88b00ecc791e4e4"


@given(sources, sources)
def test_webhook_ids_are_equal_only_for_equal_sources(one, other):
    assert (webhook_id(*one) == webhook_id(*other)) == (one == other)


@given(parts, parts)
def test_derived_ids_are_equal_only_for_equal_parts(one, other):
    assert (derived_id(*one) == derived_id(*other)) == (one == other)


@given(sources)
def test_form(source):
    for made in (webhook_id(*source), derived_id(*map(str, source))):
        assert made.startswith("msg_")
        assert len(made) == 36
        assert "." not in made

"""What became of dead letters, whatever the order in which the log tells it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.dead_letters.states import Known, LetterStates, place_of
from streamhooks.kafka.reader import Record
from streamhooks.records.letter_state import LetterState, order

KEY = "3:17:1764240000000"
STATES = ("sent", "open", "dropped", "delivered")


def told(state: str, tries: int, key: str = KEY, partition: int = 0, **fields: object) -> Record:
    value = LetterState(key, state, tries, 1000, **fields).to_json()
    return Record("letter-states", partition, 0, 0, key.encode(), value)


def tombstone(key: str = KEY) -> Record:
    return Record("letter-states", 0, 0, 0, key.encode(), None)


def test_what_is_not_in_the_log_is_open():
    states = LetterStates()
    assert states.get(KEY) is None
    assert states.apply([told("open", 1, reason="status 404", attempts=2, last={"status": 404})]) == []
    assert states.get(KEY) == Known("open", 1, "status 404", 2, 404)
    assert states.get(KEY).last == {"status": 404}
    states.apply([tombstone()])
    assert states.get(KEY) is None
    assert len(states) == 0


@pytest.mark.parametrize(
    ("earlier", "later"),
    [(("delivered", 1), ("sent", 2)), (("sent", 1), ("open", 1)), (("open", 1), ("dropped", 1)),
     (("open", 1), ("delivered", 1)), (("dropped", 1), ("delivered", 1)), (("dropped", 2), ("open", 3))],
)  # fmt: skip
def test_which_of_two_holds_and_that_the_log_is_healed(earlier, later):
    for first, second in ((earlier, later), (later, earlier)):
        states = LetterStates()
        states.apply([told(*first), told(*second)])
        known = states.get(KEY)
        assert (known.state, known.tries) == later
        # The last record of the key is the one that compaction keeps.
        assert states.heals(0) == ([(KEY, known)] if second == earlier else [])
        assert states.heals(0) == []


def test_of_two_that_tell_the_same_the_last_one_holds():
    states = LetterStates()
    states.apply([told("open", 1, reason="one"), told("open", 1, reason="two")])
    assert states.get(KEY).reason == "two"
    assert states.heals(0) == []


records = st.lists(
    st.tuples(st.sampled_from(STATES), st.integers(0, 3), st.sampled_from(["1:1:1", "1:2:1"])), max_size=12
)


@given(records, st.randoms(use_true_random=False))
def test_two_owners_may_write_in_any_order(written, random):
    """All who read any order agree, and so does who reads the log when it is healed and compacted."""
    one, other = LetterStates(), LetterStates()
    one.apply([told(state, tries, key) for state, tries, key in written])
    shuffled = written[:]
    random.shuffle(shuffled)
    other.apply([told(state, tries, key) for state, tries, key in shuffled])
    log = {key: (state, tries) for state, tries, key in shuffled}
    log |= {key: (known.state, known.tries) for key, known in other.heals(0)}
    for key in ("1:1:1", "1:2:1"):
        best = max(
            ((state, tries) for state, tries, of in written if of == key), key=lambda of: order(*of), default=None
        )
        for states in (one, other):
            known = states.get(key)
            assert (known and (known.state, known.tries)) == best
        assert log.get(key) == best


def test_what_was_asked_for_is_seen_until_the_log_tells_more():
    states = LetterStates()
    states.ask(KEY, Known("sent", 1))
    assert states.get(KEY).state == "sent"
    assert states.decided(KEY) is None
    states.apply([told("open", 0)])
    assert states.get(KEY).state == "sent"
    states.apply([told("open", 1)])
    assert states.get(KEY).state == "open"
    states.ask(KEY, Known("sent", 1))
    assert states.get(KEY).state == "open"


@pytest.mark.parametrize("value", [b"no", b"{}", LetterState("1:1:1", "open", 1, 1).to_json()])
def test_a_broken_record_leaves_the_previous_state(value):
    states = LetterStates()
    states.apply([told("dropped", 0)])
    ((_, reason),) = states.apply([Record("letter-states", 0, 1, 0, KEY.encode(), value)])
    assert reason
    assert states.get(KEY).state == "dropped"


def test_a_log_that_is_made_anew_gets_what_it_lacks():
    states = LetterStates()
    states.apply([told("delivered", 1, "1:1:1"), told("open", 1, "1:2:1"), told("open", 1, "1:3:1", partition=1)])
    states.begin_anew(("letter-states", 0))
    states.apply([told("open", 1, "1:2:1")])
    assert states.heals(0) == [("1:1:1", Known("delivered", 1))]
    assert states.heals(1) == []


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("0:9:1", "before"),
        ("0:10:1", "within"),
        ("0:19:1", "within"),
        ("0:20:1", "beyond"),
        ("1:0:1", "within"),
        ("no", "before"),
    ],
)
def test_where_a_letter_lies(key, place):
    assert place_of(key, {0: (10, 20)}) == place
    assert place_of(key, {}) == "within"


def test_a_letter_that_was_written_since_the_ends_were_learnt_is_there():
    states = LetterStates()
    states.learn_bounds({0: (0, 2)})
    states.apply([told("sent", 1, "0:2:1")])
    assert not states.is_gone("0:2:1")
    assert states.expired(lambda _: True, 100) == []
    states.learn_bounds({0: (0, 3)})
    assert states.expired(lambda _: True, 100) == []


def test_what_is_beyond_the_end_again_and_again_is_of_a_previous_log():
    states = LetterStates()
    states.apply([told("open", 1, "0:9:1")])
    states.learn_bounds({0: (0, 2)})
    assert states.expired(lambda _: True, 100) == []
    states.learn_bounds({0: (0, 3)})
    assert states.expired(lambda _: True, 100) == [(0, "0:9:1")]


def test_states_expire_with_their_letters_some_at_a_time():
    states = LetterStates()
    states.apply([told("delivered", 1, f"0:{offset}:1", partition=offset % 2) for offset in range(40)])
    states.ask("0:2:1", Known("sent", 2))
    assert states.expired(lambda _: True, 100) == []
    states.learn_bounds({0: (30, 50)})
    assert len(states.expired(lambda _: True, 5)) == 5
    gone = states.expired(lambda partition: partition == 1, 100)
    assert sorted(gone) == sorted((1, f"0:{offset}:1") for offset in range(1, 30, 2))
    assert states.get("0:2:1").state == "delivered"


def test_a_letter_whose_owner_has_another_partition_by_now_has_one_state():
    for first, second in ((0, 5), (5, 0)):
        states = LetterStates()
        states.apply([told("open", 1, partition=first), told("delivered", 2, partition=second)])
        assert states.decided(KEY) == Known("delivered", 2)


def test_letters_that_share_values_share_what_is_kept():
    states = LetterStates()
    reason = "status 404 of an endpoint"
    states.apply([told("open", 1, f"0:{n}:1", reason=reason, last={"status": 404}) for n in range(100)])
    assert len({id(states.get(f"0:{n}:1")) for n in range(100)}) == 1

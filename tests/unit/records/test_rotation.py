"""Each secret that was replaced signs until its own end; there are two at most."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.errors import TooManySecrets
from streamhooks.records.formats import decode, encode_avro
from streamhooks.records.hook import Hook
from streamhooks.records.rotation import in_force, rotated, signing_secrets, without_expired
from streamhooks.records.sealing import Keys

KEY = Fernet.generate_key().decode()
SECRETS = tuple(f"secret number {number} is long" for number in range(6))
HOOK = Hook.from_fields(
    {
        "id": "a" * 32,
        "organization_id": "1",
        "url": "https://receiver.example/hook",
        "events": ["event.created"],
        "secret": SECRETS[0],
    }
)


def rotate(hook: Hook, number: int, now: float, overlap: float = 100.0) -> Hook:
    return rotated(hook, replace(hook, secret=SECRETS[number]), now, overlap)


def test_each_replaced_secret_signs_until_its_own_end() -> None:
    hook = rotate(rotate(HOOK, 1, 1000.0), 2, 1060.0)
    assert signing_secrets(hook, 1060.0) == (SECRETS[2], SECRETS[1], SECRETS[0])
    assert signing_secrets(hook, 1099.9) == (SECRETS[2], SECRETS[1], SECRETS[0])
    assert signing_secrets(hook, 1100.0) == (SECRETS[2], SECRETS[1])
    assert signing_secrets(hook, 1159.9) == (SECRETS[2], SECRETS[1])
    assert signing_secrets(hook, 1160.0) == (SECRETS[2],)


def test_a_third_replaced_secret_is_refused_until_the_first_has_ended() -> None:
    hook = rotate(rotate(HOOK, 1, 1000.0), 2, 1060.0)
    with pytest.raises(TooManySecrets) as raised:
        rotate(hook, 3, 1099.9)
    assert raised.value.until == 1100.0
    assert not any(secret in str(raised.value) for secret in SECRETS)
    assert signing_secrets(rotate(hook, 3, 1100.0), 1100.0) == (SECRETS[3], SECRETS[2], SECRETS[1])


def test_the_first_end_may_be_that_of_the_latest_one() -> None:
    hook = rotate(rotate(HOOK, 1, 1000.0, overlap=500.0), 2, 1010.0, overlap=20.0)
    with pytest.raises(TooManySecrets) as raised:
        rotate(hook, 3, 1011.0)
    assert raised.value.until == 1030.0
    assert signing_secrets(hook, 1030.0) == (SECRETS[2], SECRETS[0])
    assert signing_secrets(rotate(hook, 3, 1030.0), 1031.0) == (SECRETS[3], SECRETS[2], SECRETS[0])


def test_without_an_overlap_a_secret_ends_at_once_and_those_before_it_go_on() -> None:
    hook = rotate(rotate(rotate(HOOK, 1, 1000.0), 2, 1001.0, overlap=0.0), 3, 1002.0, overlap=0.0)
    assert signing_secrets(hook, 1003.0) == (SECRETS[3], SECRETS[0])


def test_going_back_to_a_replaced_secret_takes_no_further_place() -> None:
    hook = HOOK
    for step in range(1, 8):
        hook = rotate(hook, step % 2, 1000.0 + step)
        assert signing_secrets(hook, 1000.0 + step) == (SECRETS[step % 2], SECRETS[1 - step % 2])


def test_what_no_key_opens_neither_signs_nor_takes_a_place() -> None:
    sealed = Keys([KEY]).encrypted(rotate(rotate(HOOK, 1, 1000.0), 2, 1001.0))
    assert in_force(sealed, 1002.0) == []
    assert signing_secrets(rotate(sealed, 3, 1002.0), 1003.0) == (SECRETS[3],)


def test_what_has_ended_is_dropped_and_the_rest_stays_in_its_place() -> None:
    first = rotate(rotate(HOOK, 1, 1000.0, overlap=500.0), 2, 1010.0, overlap=20.0)
    assert without_expired(first, 1029.9) is first
    dropped = without_expired(first, 1030.0)
    assert (dropped.previous_secret, dropped.previous_secret_until) == (None, None)
    assert (dropped.earlier_secret, dropped.earlier_secret_until) == (SECRETS[0], 1500.0)
    # What is sealed is bound to its place: it must not move.
    keys = Keys([KEY])
    assert keys.decrypted(without_expired(keys.encrypted(first), 1030.0)) == dropped
    assert without_expired(first, 1500.0) == replace(HOOK, secret=SECRETS[2])


def test_a_record_of_0_1_0_has_one() -> None:
    fields = HOOK.to_fields() | {"previous_secret": SECRETS[1], "previous_secret_until": 1100.0}
    del fields["earlier_secret"], fields["earlier_secret_until"]
    hook = Hook.from_fields(fields)
    assert signing_secrets(hook, 1099.0) == (SECRETS[0], SECRETS[1])
    assert signing_secrets(rotate(hook, 2, 1050.0), 1099.0) == (SECRETS[2], SECRETS[0], SECRETS[1])


@given(
    st.lists(
        st.tuples(
            st.floats(0, 60), st.sampled_from([0.0, 10.0, 100.0]), st.integers(0, len(SECRETS) - 1), st.booleans()
        ),
        max_size=12,
    )
)
def test_whatever_is_done_what_was_handed_out_signs_until_its_own_end(
    steps: list[tuple[float, float, int, bool]],
) -> None:
    keys, hook, now = Keys([KEY]), HOOK, 1000.0
    ends: dict[str, float] = {}

    def living() -> set[str]:
        return {secret for secret, end in ends.items() if now < end}

    for wait, overlap, number, through_topic in steps:
        now += wait
        secret = SECRETS[number]
        if secret != hook.secret:
            after: dict[str, Any] = {**ends, hook.secret: now + overlap}
            after.pop(secret, None)
            fits = sum(now < end for end in after.values()) <= 2
            if fits:
                hook, ends = rotated(hook, replace(hook, secret=secret), now, overlap), after
            else:
                with pytest.raises(TooManySecrets) as raised:
                    rotated(hook, replace(hook, secret=secret), now, overlap)
                assert raised.value.until == min(ends[one] for one in living() - {secret})
        hook = without_expired(hook, now)
        if through_topic:
            sealed = keys.encrypted(hook)
            assert not any(one in sealed.to_json().decode() for one in SECRETS)
            hook = keys.decrypted(decode(Hook, encode_avro(sealed)))
        first, *others = signing_secrets(hook, now)
        assert first == hook.secret
        assert len(others) == len(set(others)) <= 2
        assert set(others) == living()

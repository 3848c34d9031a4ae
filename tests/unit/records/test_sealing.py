from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given

from streamhooks.errors import BrokenRecord
from streamhooks.records.formats import decode, encode_avro
from streamhooks.records.hook import Hook
from streamhooks.records.sealing import BOUND, Keys, holds_old_texts
from streamhooks.records.secret import SEALED

from .strategies import hooks

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))
HOOK: dict[str, Any] = {
    "id": "a" * 32,
    "organization_id": "1",
    "url": "https://receiver.example/hook",
    "events": ["event.created"],
    "secret": "0123456789abcdef",
    "headers": {"X-Key": "hunter2", "Authorization": "Bearer hunter3"},
    "previous_secret": "the one before it",
    "previous_secret_until": 17,
    "earlier_secret": "and the one before that",
    "earlier_secret_until": 16,
}
PLAIN = Hook.from_fields(HOOK)
SECRETS = ("secret", "previous_secret", "earlier_secret")


def test_all_that_is_secret_is_sealed_and_opened_again() -> None:
    sealed = Keys([OLD]).encrypted(PLAIN)
    written = sealed.to_json().decode()
    for secret in ("0123456789abcdef", "hunter2", "hunter3", "the one before it", "and the one before that"):
        assert secret not in written
    assert sealed.is_sealed
    assert not PLAIN.is_sealed
    assert sealed.headers is not None
    assert all(text.startswith(BOUND) for text in texts_of(sealed).values())
    assert (sealed.url, sealed.headers.keys()) == (PLAIN.url, PLAIN.headers.keys())
    assert Keys([NEW, OLD]).decrypted(sealed) == PLAIN


@given(hooks)
def test_any_hook_comes_back_also_through_its_forms(fields: dict[str, Any]) -> None:
    keys, hook = Keys([NEW]), Hook.from_fields(fields)
    sealed = keys.encrypted(hook)
    assert keys.decrypted(decode(Hook, sealed.to_json())) == hook
    assert keys.decrypted(decode(Hook, encode_avro(sealed))) == hook
    assert keys.encrypted(sealed) == sealed


def test_without_keys_nothing_is_sealed() -> None:
    assert not Keys()
    assert Keys().encrypted(PLAIN) is PLAIN
    assert Keys().decrypted(PLAIN) is PLAIN


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    assert Keys([NEW]).decrypted(Keys([NEW, OLD]).encrypted(PLAIN)) == PLAIN
    assert Keys([OLD]).decrypted(Keys([NEW, OLD]).encrypted(PLAIN)).is_sealed


@pytest.mark.parametrize("keys", [Keys(), Keys([NEW])])
def test_what_no_key_opens_stays_as_it_is(keys: Keys) -> None:
    sealed = Keys([LOST]).encrypted(PLAIN)
    assert keys.decrypted(sealed) == sealed
    assert keys.encrypted(sealed) == sealed


@pytest.mark.parametrize("text", ["fernet:", "fernet:nonsense", "fernet:\u00e9", "fernet:" + "A" * 4000])
def test_what_only_looks_sealed_is_not_opened(text: str) -> None:
    hook = Hook.from_fields(HOOK | {"secret": text})
    assert Keys([NEW]).decrypted(hook).is_sealed


def test_one_sealed_part_is_enough() -> None:
    sealed = Keys([LOST]).encrypted(PLAIN)
    for part in SECRETS:
        assert Hook.from_fields(HOOK | {part: getattr(sealed, part)}).is_sealed
    assert sealed.headers is not None
    assert Hook.from_fields(HOOK | {"headers": {"X-Key": "v", "Y": sealed.headers["X-Key"]}}).is_sealed


def test_a_sealed_text_has_a_bound() -> None:
    with pytest.raises(BrokenRecord, match=r"^secret: "):
        Hook.from_fields(HOOK | {"secret": "fernet:" + "A" * 5000})


@pytest.mark.parametrize(
    ("field", "plain"),
    [("secret", b"short"), ("secret", b"\xff" * 20), ("headers", b"a\r\nHost: b")],
)
def test_what_was_encrypted_is_checked_too(field: str, plain: bytes) -> None:
    text = SEALED + Fernet(NEW.encode()).encrypt(plain).decode()
    hook = Hook.from_fields(HOOK | {field: {"X-Key": text} if field == "headers" else text})
    with pytest.raises(BrokenRecord) as broken:
        Keys([NEW]).decrypted(hook)
    assert plain.decode(errors="replace") not in str(broken.value)


def test_which_hooks_are_under_the_first_key() -> None:
    keys = Keys([NEW, OLD])
    assert keys.is_current(keys.encrypted(PLAIN))
    assert not keys.is_current(PLAIN)
    assert not keys.is_current(Keys([OLD]).encrypted(PLAIN))
    mixed = {**keys.encrypted(PLAIN).to_fields(), "headers": {"X-Key": "plain"}}
    assert not keys.is_current(Hook.from_fields(mixed))
    assert not Keys().is_current(PLAIN)


@pytest.mark.parametrize("key", ["", "short", "é" * 44, "A" * 44 + "="])
def test_bad_keys(key: str) -> None:
    with pytest.raises(ValueError):
        Keys([key])


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "webhook-id", "Streamhooks-Hops", "X-ServiceHook-GUID"]
)
def test_reserved_headers_are_broken_also_on_the_topic(name: str) -> None:
    with pytest.raises(BrokenRecord, match="is reserved"):
        Hook.from_fields(HOOK | {"headers": {name: "hunter2"}})


def old_text(text: str, key: str = NEW) -> str:
    """Encrypt as version 0.1.0 did."""
    return SEALED + Fernet(key.encode()).encrypt(text.encode()).decode()


#: by a key of 32 zero bytes, written by version 0.1.0
WRITTEN_BY_0_1_0 = (
    "fernet:gAAAAABlU_EAAAAAAAAAAAAAAAAAAAAAANO8PacypY9RJp7ePK-MdkTlkHuQq5kGEUXyw8v82gkXulRaLpmbytblUjAZmg_wlA=="
)


def texts_of(hook: Hook) -> dict[str, str]:
    """All that is secret in a hook, by the field in which it is."""
    return {name: getattr(hook, name) for name in SECRETS} | (hook.headers or {})


def with_text(hook: Hook, field: str, text: str) -> Hook:
    if field in SECRETS:
        return Hook.from_fields(hook.to_fields() | {field: text})
    return Hook.from_fields(hook.to_fields() | {"headers": {**(hook.headers or {}), field: text}})


@pytest.mark.parametrize("target", [*SECRETS, "X-Key", "x-key", "X-Leak"])
@pytest.mark.parametrize("source", [*SECRETS, "X-Key", "Authorization"])
@pytest.mark.parametrize("other", [True, False])
def test_a_text_opens_only_in_the_hook_and_field_for_which_it_was_encrypted(source, target, other) -> None:
    keys = Keys([NEW, OLD])
    victim = Hook.from_fields(HOOK | {"id": "b" * 32}) if other else PLAIN
    pasted = texts_of(keys.encrypted(victim))[source]
    opened = keys.decrypted(with_text(keys.encrypted(PLAIN), target, pasted))
    if not other and source == target:
        assert opened == PLAIN
        return
    assert opened.is_sealed
    assert texts_of(opened)[target] == pasted
    assert not keys.is_current(with_text(keys.encrypted(PLAIN), target, pasted))


def test_what_0_1_0_wrote_opens_until_it_may_not() -> None:
    old = Hook.from_fields(
        HOOK
        | {"secret": old_text(PLAIN.secret), "previous_secret": old_text(str(PLAIN.previous_secret), OLD)}
        | {"earlier_secret": None, "earlier_secret_until": None}
        | {"headers": {name: old_text(value) for name, value in (PLAIN.headers or {}).items()}}
    )
    plain = replace(PLAIN, earlier_secret=None, earlier_secret_until=None)
    keys = Keys([NEW, OLD])
    assert keys.decrypted(old) == plain
    assert keys.decrypted(old, old=False) == old
    assert holds_old_texts(old)
    assert not keys.is_current(old)
    anew = keys.encrypted(keys.decrypted(old))
    assert (holds_old_texts(anew), keys.is_current(anew), keys.decrypted(anew, old=False)) == (False, True, plain)
    assert not holds_old_texts(PLAIN)


def test_a_text_of_0_1_0_as_it_lies_in_a_topic() -> None:
    hook = Hook.from_fields(HOOK | {"headers": {"X-Key": WRITTEN_BY_0_1_0}})
    assert Keys(["A" * 43 + "="]).decrypted(hook).headers == {"X-Key": "hunter2"}


def test_version_0_1_0_sees_a_new_text_as_one_that_no_key_opens() -> None:
    # It would send what does not begin with `fernet:` as if it were plaintext.
    for text in texts_of(Keys([NEW]).encrypted(PLAIN)).values():
        assert text.startswith("fernet:")


def test_an_opened_hook_is_checked_in_time_that_does_not_depend_on_its_events() -> None:
    hook = Hook.from_fields(HOOK | {"app_id": "1", "events": [f"m{number}.x" for number in range(500)]})
    opened = Keys([NEW]).decrypted(Keys([NEW]).encrypted(hook))
    assert opened == hook
    assert opened.blocked is not None
    # Encrypted headers are longer: the bound is for plaintext.
    assert Keys([LOST]).encrypted(PLAIN).over_bounds == {}

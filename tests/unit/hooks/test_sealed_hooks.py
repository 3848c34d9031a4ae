"""Hooks in the table whose secrets are encrypted on the topic."""

from __future__ import annotations

from cryptography.fernet import Fernet

from streamhooks.hooks.findings import merged, notice_of
from streamhooks.hooks.matching import Ask
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState
from streamhooks.records.sealing import OLD_TEXTS, Keys

KEY, LOST = Fernet.generate_key().decode(), Fernet.generate_key().decode()
HOOK = Hook(id="a" * 32, organization_id="1", url="https://example.com/", events=("event.created",), secret="x" * 16)


def written(key: str | None = None, **fields) -> Record:
    hook = Keys([key] if key else []).encrypted(Hook.from_fields({**HOOK.to_fields(), **fields}))
    return Record("hooks", 0, 0, 0, HOOK.id.encode(), hook.to_json())


def state(**fields) -> Record:
    return Record("states", 0, 0, 0, HOOK.id.encode(), HookState(HOOK.id, **fields).to_json())


def table(*records: Record) -> HooksTable:
    made = HooksTable("hooks", "states", Keys([KEY]))
    assert made.apply(list(records)) == []
    return made


def test_in_memory_it_is_plaintext() -> None:
    made = table(written(KEY, headers={"X": "hunter2"}))
    found = made.get(HOOK.id)
    assert (found.secret, found.headers) == (HOOK.secret, {"X": "hunter2"})
    assert made.status(HOOK.id).reason is None
    assert made.seals_changed == set()


def test_what_no_key_opens_still_matches() -> None:
    made = table(written(LOST))
    (found,) = made.matching(Ask("service", "1", ("7",), "event.created"))
    assert found.is_sealed
    assert made.is_active(HOOK.id)
    assert (made.status(HOOK.id).status, made.status(HOOK.id).reason is None) == ("active", False)
    assert made.seals_changed == {HOOK.id}


def test_what_is_known_need_not_be_told() -> None:
    made = table(written(LOST), state(sealed_since=5.0))
    assert made.seals_changed == set()
    made.apply([written(KEY)])
    assert made.seals_changed == {HOOK.id}
    made.apply([state()])
    assert made.seals_changed == set()
    made.apply([written(LOST), Record("hooks", 0, 0, 0, HOOK.id.encode(), None)])
    assert made.seals_changed == set()


def test_what_was_encrypted_is_checked_and_the_previous_version_stays_in_force() -> None:
    made = table(written(KEY))
    token = Fernet(KEY.encode()).encrypt(b"short").decode()
    fields = {**HOOK.to_fields(), "secret": f"fernet:{token}"}
    broken = made.apply([Record("hooks", 0, 1, 0, HOOK.id.encode(), Hook.from_fields(fields).to_json())])
    assert [reason for _, reason in broken] == ["secret: must have 16 to 256 characters"]
    assert made.get(HOOK.id).secret == HOOK.secret


def test_it_is_noticed_once() -> None:
    first = merged(HookState(HOOK.id), "sealed", {"sealed_since": 5.0}, now=5.0)
    assert first.sealed_since == 5.0
    assert merged(first, "sealed", {"sealed_since": 6.0}, now=6.0) == first
    notice = notice_of("sealed", first, 7.0)
    assert notice is not None
    assert (notice.hook_id, notice.what, notice.since, notice.at) == (HOOK.id, "sealed", 5.0, 7000)
    opened = merged(first, "opened", {"sealed_since": None}, now=6.0)
    assert opened == HookState(HOOK.id)
    news = notice_of("opened", opened, 8.0)
    assert news is not None
    assert news.what == "resumed"


def old_form(**fields) -> Record:
    """A record of version 0.1.0, whose texts open anywhere."""
    token = Fernet(KEY.encode()).encrypt(HOOK.secret.encode()).decode()
    return written(secret=f"fernet:{token}", **fields)


def mark(value: bytes | None = b'{"since":1.0}') -> Record:
    return Record("states", 0, 0, 0, OLD_TEXTS.encode(), value)


def test_a_text_that_was_copied_from_another_hook_is_sealed_there() -> None:
    victim = Keys([KEY]).encrypted(Hook.from_fields({**HOOK.to_fields(), "id": "b" * 32, "headers": {"X": "hunter2"}}))
    made = table(written(KEY, headers={"X": victim.headers["X"]}), mark())
    assert made.get(HOOK.id).headers == {"X": victim.headers["X"]}
    assert "STREAMHOOKS_SECRET_KEYS" in made.status(HOOK.id).reason
    assert made.seals_changed == {HOOK.id}
    # The whole record of the other under this key is no record of this one.
    broken = made.apply([Record("hooks", 0, 0, 0, HOOK.id.encode(), victim.to_json())])
    assert [reason for _, reason in broken] == ["id: is not the record's key"]


def test_old_texts_open_until_all_are_encrypted_anew() -> None:
    made = table(old_form())
    assert made.get(HOOK.id).secret == HOOK.secret
    assert made.apply([mark()]) == []
    assert made.get(HOOK.id).is_sealed
    assert made.seals_changed == {HOOK.id}
    assert len(made) == 1
    made.apply([written(KEY)])
    assert made.get(HOOK.id).secret == HOOK.secret
    made.apply([old_form(timeout=3)])
    assert made.get(HOOK.id).is_sealed
    (found,) = made.matching(Ask("service", "1", ("7",), "event.created"))
    assert found.timeout == 3
    # An operator may take it back, to read an old backup.
    made.apply([mark(None)])
    assert (made.get(HOOK.id).secret, made.seals_changed) == (HOOK.secret, set())
    made.apply([Record("hooks", 0, 0, 0, HOOK.id.encode(), None), mark()])
    assert (len(made), made._old, len(made._index)) == (0, {}, 0)


def test_the_mark_may_be_read_before_the_hooks() -> None:
    made = table(mark(), old_form())
    assert made.get(HOOK.id).is_sealed


def test_what_is_over_a_bound_is_told_like_what_is_sealed() -> None:
    made = table(written(app_id="1", events=[f"m.{number}" for number in range(101)]))
    assert made.seals_changed == {HOOK.id}
    made.apply([state(sealed_since=5.0)])
    assert made.seals_changed == set()
    made.apply([written(app_id="1", events=[f"m.{number}" for number in range(100)])])
    assert made.seals_changed == {HOOK.id}
    notice = notice_of("sealed", HookState(HOOK.id, sealed_since=5.0), 7.0, "over a bound: events")
    assert notice is not None
    assert notice.why == "over a bound: events; its deliveries wait"

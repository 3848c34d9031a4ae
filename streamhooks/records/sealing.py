"""Secrets at rest: encrypted in the topic, decrypted in memory.

An encrypted text is `fernet:bound:` and a Fernet token (https://github.com/fernet/spec). Its key is derived
(HKDF-SHA256, RFC 5869) from one of the keys, the hook's id and the field: after a copy into another hook or field, no
key can decrypt it. Plaintext is read unchanged.

Version 0.1.0 wrote `fernet:` and a token under the key itself, which can be decrypted in any hook. Such *old texts* are
decrypted until `streamhooks hooks reencrypt` has run. It writes the record `OLD_TEXTS` to the topic `hook-states`,
which only workers and whoever runs that command may write.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from streamhooks.errors import BrokenRecord
from streamhooks.records.custom_headers import custom_headers
from streamhooks.records.hook import Hook
from streamhooks.records.secret import SEALED, check_secret

BOUND: Final = f"{SEALED}bound:"
"""The prefix of an encrypted text that is bound to its hook and field."""
OLD_TEXTS: Final = "old-secrets-are-refused"
"""The key of the record in `hook-states` after which old texts are no longer decrypted; a tombstone reverts that."""

_Change = Callable[[str, str], str]
"""Takes the name of a field and its text, and returns the new text."""


class Keys:
    """Fernet keys: the first encrypts, all decrypt. Without keys nothing is encrypted or decrypted."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        """Take keys of 32 bytes in URL-safe base64; raise ValueError for an invalid one."""
        self._old = [Fernet(key) for key in keys]
        self._keys = [urlsafe_b64decode(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def encrypted(self, hook: Hook) -> Hook:
        """Return the hook as it is written: its secrets and the values of its custom headers encrypted."""
        if not self._keys:
            return hook

        def seal(field: str, text: str) -> str:
            if text.startswith(SEALED):
                return text
            return BOUND + _bound(self._keys[0], hook.id, field).encrypt(text.encode()).decode()

        return _changed(hook, seal)

    def decrypted(self, hook: Hook, *, old: bool = True) -> Hook:
        """Return the hook decrypted.

        Texts that no key can decrypt stay encrypted (see `Hook.is_sealed`), and so do old texts unless `old`.
        Raises BrokenRecord if a decrypted text is not allowed in a hook.
        """
        if not self._keys or not hook.is_sealed:
            return hook
        return _changed(hook, lambda field, text: self._open(hook.id, field, text, old=old))

    def is_current(self, hook: Hook) -> bool:
        """Tell whether all secret texts of a hook, as it was written, are bound and encrypted by the first key."""
        return all(self._is_current(hook.id, field, text) for field, text in _texts(hook).items())

    def _is_current(self, hook_id: str, field: str, text: str) -> bool:
        if not self._keys or not text.startswith(BOUND):
            return False
        return _decrypted(_bound(self._keys[0], hook_id, field), text.removeprefix(BOUND)) is not None

    def _open(self, hook_id: str, field: str, text: str, *, old: bool) -> str:
        fernets: Iterable[Fernet]
        if text.startswith(BOUND):
            token, fernets = text.removeprefix(BOUND), (_bound(key, hook_id, field) for key in self._keys)
        elif old and text.startswith(SEALED):
            token, fernets = text.removeprefix(SEALED), self._old
        else:
            return text
        opened = next((one for fernet in fernets if (one := _decrypted(fernet, token)) is not None), None)
        try:
            return text if opened is None else opened.decode()
        except UnicodeDecodeError:
            raise BrokenRecord("secret: what was encrypted is not UTF-8") from None


def holds_old_texts(hook: Hook) -> bool:
    """Tell whether a hook, as it was written, has encrypted texts that are not bound to it."""
    return hook.is_sealed and any(
        text.startswith(SEALED) and not text.startswith(BOUND) for text in _texts(hook).values()
    )


def _bound(key: bytes, hook_id: str, field: str) -> Fernet:
    # The id has 32 characters, so no two pairs of id and field give the same text.
    about = f"streamhooks {hook_id} {field}".encode()
    return Fernet(urlsafe_b64encode(HKDF(SHA256(), 32, salt=None, info=about).derive(key)))


def _decrypted(fernet: Fernet, token: str) -> bytes | None:
    try:
        return fernet.decrypt(token.encode())
    except InvalidToken:
        return None


def _texts(hook: Hook) -> dict[str, str]:
    """Return all secret texts of a hook, by the name of their field."""
    texts = {"secret": hook.secret}
    if hook.previous_secret is not None:
        texts["previous_secret"] = hook.previous_secret
    if hook.earlier_secret is not None:
        texts["earlier_secret"] = hook.earlier_secret
    return texts | {f"headers.{name}": value for name, value in (hook.headers or {}).items()}


def _changed(hook: Hook, change: _Change) -> Hook:
    """Return the hook with all its secret texts changed.

    They are checked again, since an encrypted header could hide a line break.
    """
    texts = {field: change(field, text) for field, text in _texts(hook).items()}
    headers = None if hook.headers is None else {name: texts[f"headers.{name}"] for name in hook.headers}
    return replace(
        hook,
        secret=check_secret(texts["secret"]),
        previous_secret=texts.get("previous_secret"),
        earlier_secret=texts.get("earlier_secret"),
        headers=custom_headers({"headers": headers}),
    )

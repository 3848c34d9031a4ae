"""Secrets at rest: what of a hook is encrypted in its topic, and opened again in memory.

A sealed text is `fernet:` and a Fernet token (https://github.com/fernet/spec). Plain texts are read as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from streamhooks.errors import BrokenRecord
from streamhooks.records.hook import SEALED, Hook


class Keys:
    """Fernet keys: the first encrypts, all decrypt. Without keys nothing is sealed, and nothing opened."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        """Take keys of 32 bytes in URL-safe base64; raises ValueError for what is none."""
        self._first = Fernet(keys[0]) if keys else None
        self._all = MultiFernet([Fernet(key) for key in keys]) if keys else None

    def __bool__(self) -> bool:
        return self._first is not None

    def sealed(self, hook: Hook) -> Hook:
        """Return the hook as it is written: its secrets and the values of its own headers encrypted."""
        return hook if self._first is None else _changed(hook, self._seal)

    def opened(self, hook: Hook) -> Hook:
        """Return the hook in clear; what no key opens stays sealed (see `Hook.is_sealed`).

        Raises BrokenRecord if what was encrypted may not be in a hook.
        """
        return _changed(hook, self._open) if hook.is_sealed else hook

    def is_current(self, hook: Hook) -> bool:
        """Tell whether all that is secret in a hook, as it was written, is encrypted by the first key."""
        texts = [hook.secret, hook.previous_secret, *(hook.headers or {}).values()]
        return all(self._is_current(text) for text in texts if text is not None)

    def _is_current(self, text: str) -> bool:
        if self._first is None or not text.startswith(SEALED):
            return False
        try:
            self._first.decrypt(_token(text))
        except InvalidToken:
            return False
        return True

    def _seal(self, text: str) -> str:
        if self._first is None or text.startswith(SEALED):
            return text
        return SEALED + self._first.encrypt(text.encode()).decode()

    def _open(self, text: str) -> str:
        if self._all is None or not text.startswith(SEALED):
            return text
        try:
            return self._all.decrypt(_token(text)).decode()
        except InvalidToken:
            return text
        except UnicodeDecodeError:
            raise BrokenRecord("secret: what was encrypted is not UTF-8") from None


def _changed(hook: Hook, change: Callable[[str], str]) -> Hook:
    fields: dict[str, Any] = hook.to_fields()
    fields["secret"] = change(hook.secret)
    if hook.previous_secret is not None:
        fields["previous_secret"] = change(hook.previous_secret)
    if hook.headers is not None:
        fields["headers"] = {name: change(value) for name, value in hook.headers.items()}
    # Checked anew: encrypted, a line break in a header could not be seen.
    return Hook.from_fields(fields)


def _token(text: str) -> bytes:
    return text.removeprefix(SEALED).encode()

"""Calls that one worker hands on to another are signed: no token goes along, and nobody else can make or use one again.

The keys are those of `STREAMHOOKS_CLUSTER_KEYS`, else they are derived from the tokens, which all workers have.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import scrypt, sha256
from typing import Literal, NamedTuple, Protocol

from streamhooks.times import steady

Scope = Literal["read", "write"]

#: signed calls that are remembered so that none is taken twice
REMEMBERED = 100_000
_LABEL = b"streamhooks forwarded call 1"
_FORM = re.compile(r"v1 ([0-9]{1,15}) (read|write) ([0-9a-f]{32}) ([0-9a-f]{64}) ([0-9a-f]{64})")


class KeySettings(Protocol):
    """The settings that keys come from."""

    @property
    def api_token(self) -> str | None:
        """A token with all scopes."""

    @property
    def api_tokens(self) -> Sequence[tuple[Scope, str]]:
        """Tokens with the scope of each."""

    @property
    def cluster_keys(self) -> Sequence[str]:
        """Keys of their own."""

    @property
    def cluster_skew(self) -> float:
        """How far the clocks of workers may be apart, in seconds."""


class Key(NamedTuple):
    """A key, and what the calls that it signs may do at most."""

    secret: bytes
    most: Scope


@dataclass(frozen=True, slots=True)
class Handed:
    """What of a call is signed. `target` is the base URL of the worker that it is for, as the group tells it."""

    target: str
    method: str
    path: str
    query: str
    content_type: str
    if_match: str = ""

    def text(self, at: str, scope: str, nonce: str, digest: str) -> bytes:
        """Return the bytes that are signed; no part of them can hold a line break."""
        parts = [self.target, self.method, self.path, self.query, self.content_type, digest, at, scope, nonce]
        if self.if_match:
            parts.append(self.if_match)
        return "\n".join(parts).encode()


class Refused(Exception):
    """A signed call is not taken; the text says why."""


class TooManyCalls(Exception):
    """So many signed calls came that another one could not be remembered."""


def keys_of(settings: KeySettings) -> list[Key]:
    """Return the keys of all workers: the first signs, each is accepted.

    Without keys of their own they are derived from the write tokens. A key that is derived from a read token signs
    calls that read, and no others: who has that token could make it. Without any token it is one that anybody can make,
    and the peer's address decides.
    """
    if settings.cluster_keys:
        return [_derived(key, "write") for key in settings.cluster_keys]
    tokens = {scope: [token for of, token in settings.api_tokens if of == scope] for scope in ("write", "read")}
    writing = [settings.api_token] if settings.api_token else []
    writing += tokens["write"]
    if writing:
        return [_derived(token, "write") for token in writing]
    return [_derived(token, "read") for token in tokens["read"]] or [_derived("", "write")]


@cache
def _derived(text: str, most: Scope) -> Key:
    # Slowly: who gets a signed call must not find a short token by trying.
    return Key(scrypt(text.encode(errors="surrogateescape"), salt=_LABEL, n=2**14, r=8, p=1, dklen=32), most)


class Signer:
    """Signs calls for other workers, and checks those that come from them. `clock` gives epoch seconds."""

    def __init__(
        self, settings: KeySettings, clock: Callable[[], float], steady_clock: Callable[[], float] = steady
    ) -> None:
        self._keys = keys_of(settings)
        self._skew = settings.cluster_skew
        self._clock = clock
        # What was signed before this worker knew anything may have been taken by it in an earlier life.
        self._since = clock()
        self._steady = steady_clock
        self._began = steady_clock()
        self._taken: set[str] = set()
        self._forgotten_at: deque[tuple[float, float, str]] = deque()

    def signed(self, call: Handed, scope: Scope, body: bytes) -> str:
        """Return the text that goes along with a call."""
        at, nonce = str(int(self._clock() * 1000)), secrets.token_hex(16)
        digest = sha256(body).hexdigest()
        signature = _signature(self._keys[0], call.text(at, scope, nonce, digest))
        return f"v1 {at} {scope} {nonce} {digest} {signature}"

    def check(self, given: str, call: Handed) -> Scope:
        """Return the scope of a signed call, once; whether its body is the one that was signed, `has_body` tells.

        Raises:
            Refused: its signature fits no key, its time is past, it came before, or its key may not sign for the scope.
            TooManyCalls: see there.

        """
        found = _FORM.fullmatch(given)
        if found is None:
            raise Refused("it is not signed as by a worker of this version")
        at, scope, nonce, digest, signature = found.groups()
        text = call.text(at, scope, nonce, digest)
        # Each key is tried, so that the time does not tell which fits.
        fitting = [key for key in self._keys if hmac.compare_digest(_signature(key, text), signature)]
        if not fitting:
            raise Refused("its signature fits no key of this worker, or it was for another one")
        if scope == "write" and all(key.most == "read" for key in fitting):
            raise Refused("a read token signs no change")
        signed_at, now = int(at) / 1000, self._clock()
        # Once that is longer ago than a call may be, only a clock that went back makes a new one look as old.
        is_young = self._steady() - self._began <= 2 * self._skew
        if abs(now - signed_at) > self._skew or (is_young and signed_at < self._since):
            raise Refused("it was signed too long ago, or the clocks of the workers are too far apart")
        self._take(nonce, now)
        return "write" if scope == "write" else "read"

    def _take(self, nonce: str, now: float) -> None:
        passed = self._steady()
        while self._forgotten_at and self._may_be_forgotten(*self._forgotten_at[0][:2], now, passed):
            self._taken.discard(self._forgotten_at.popleft()[2])
        if nonce in self._taken:
            raise Refused("it came before")
        if len(self._taken) >= REMEMBERED:
            raise TooManyCalls
        self._taken.add(nonce)
        # Signed by a clock that is ahead, it would be in time for twice as long.
        self._forgotten_at.append((now + 2 * self._skew, passed + 2 * self._skew, nonce))

    def _may_be_forgotten(self, until: float, passed_until: float, now: float, passed: float) -> bool:
        # After a clock went back it might come again for as long; but not so that no other call could be taken.
        return until < now or (passed_until < passed and len(self._taken) >= REMEMBERED)


def has_body(given: str, body: bytes) -> bool:
    """Tell whether a call that was signed so has this body."""
    found = _FORM.fullmatch(given)
    return found is not None and hmac.compare_digest(found[4], sha256(body).hexdigest())


def _signature(key: Key, text: bytes) -> str:
    return hmac.new(key.secret, text, "sha256").hexdigest()

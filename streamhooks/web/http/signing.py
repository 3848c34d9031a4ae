"""Sign the calls that one worker forwards to another: no token is sent, and nobody can forge or repeat a call.

The keys are those of `STREAMHOOKS_CLUSTER_KEYS`, else they are derived from the tokens, which all workers share.
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
"""The scope of a forwarded call."""

TokenScope = Literal["read", "send", "write"]
"""The scope of a token; `send` only allows to send messages, which is never forwarded."""

#: number of signed calls to remember, so that none is accepted twice
REMEMBERED = 100_000
_LABEL = b"streamhooks forwarded call 1"
_FORM = re.compile(r"v1 ([0-9]{1,15}) (read|write) ([0-9a-f]{32}) ([0-9a-f]{64}) ([0-9a-f]{64})")


class KeySettings(Protocol):
    """The settings of the keys."""

    @property
    def api_token(self) -> str | None:
        """Return the token with all scopes, if any."""

    @property
    def api_tokens(self) -> Sequence[tuple[TokenScope, str]]:
        """Return more tokens, each with its scope."""

    @property
    def cluster_keys(self) -> Sequence[str]:
        """Return the separate keys; empty means keys derived from the tokens."""

    @property
    def cluster_skew(self) -> float:
        """Return how far the clocks of workers may differ, in seconds."""


class Key(NamedTuple):
    """A key, and the highest scope that it may sign for."""

    secret: bytes
    most: Scope


@dataclass(frozen=True, slots=True)
class ForwardedCall:
    """The signed parts of a call. `target` is the base URL of the called worker, as it is known in the group."""

    target: str
    method: str
    path: str
    query: str
    content_type: str
    if_match: str = ""

    def text(self, at: str, scope: str, nonce: str, digest: str) -> bytes:
        """Return the bytes to sign; no part can contain a line break."""
        parts = [self.target, self.method, self.path, self.query, self.content_type, digest, at, scope, nonce]
        if self.if_match:
            parts.append(self.if_match)
        return "\n".join(parts).encode()


class Refused(Exception):
    """A signed call is rejected; the text gives the reason."""


class TooManyCalls(Exception):
    """Too many signed calls came: another one could not be remembered."""


def keys_of(settings: KeySettings) -> list[Key]:
    """Return the keys of all workers: the first one signs, all are accepted.

    Without separate keys, they are derived from the write tokens. A key from a read token signs only calls that read,
    because whoever has the token could derive it. If all tokens can only send, no call is forwarded, and nobody may
    know the key. Without tokens, anybody could derive the key, and only the caller's address decides.
    """
    if settings.cluster_keys:
        return [_derived(key, "write") for key in settings.cluster_keys]
    tokens = {scope: [token for of, token in settings.api_tokens if of == scope] for scope in ("write", "read")}
    writing = [settings.api_token] if settings.api_token else []
    writing += tokens["write"]
    if writing:
        return [_derived(token, "write") for token in writing]
    if tokens["read"]:
        return [_derived(token, "read") for token in tokens["read"]]
    return [Key(secrets.token_bytes(32), "read")] if settings.api_tokens else [_derived("", "write")]


@cache
def _derived(text: str, most: Scope) -> Key:
    # A slow derivation: whoever sees a signed call must not find a short token by trial.
    return Key(scrypt(text.encode(errors="surrogateescape"), salt=_LABEL, n=2**14, r=8, p=1, dklen=32), most)


class Signer:
    """Signs calls for other workers, and checks calls from them. `clock` returns epoch seconds."""

    def __init__(
        self, settings: KeySettings, clock: Callable[[], float], steady_clock: Callable[[], float] = steady
    ) -> None:
        self._keys = keys_of(settings)
        self._skew = settings.cluster_skew
        self._clock = clock
        # A call that was signed before this worker started may have been accepted by its previous process.
        self._since = clock()
        self._steady = steady_clock
        self._began = steady_clock()
        self._taken: set[str] = set()
        self._forgotten_at: deque[tuple[float, float, str]] = deque()

    def signed(self, call: ForwardedCall, scope: Scope, body: bytes) -> str:
        """Return the value of the header FORWARDED for a call."""
        at, nonce = str(int(self._clock() * 1000)), secrets.token_hex(16)
        digest = sha256(body).hexdigest()
        signature = _signature(self._keys[0], call.text(at, scope, nonce, digest))
        return f"v1 {at} {scope} {nonce} {digest} {signature}"

    def check(self, given: str, call: ForwardedCall) -> Scope:
        """Return the scope of a signed call, once. Its body is checked by `has_body`.

        Raise Refused if its signature matches no key, it has expired, it came before, or its key may not sign for the
        scope. Raise TooManyCalls if it can't be remembered.
        """
        found = _FORM.fullmatch(given)
        if found is None:
            raise Refused("its signature has an unknown form: a worker of another version?")
        at, scope, nonce, digest, signature = found.groups()
        text = call.text(at, scope, nonce, digest)
        # All keys are tried, so that the time does not reveal which matches.
        matching = [key for key in self._keys if hmac.compare_digest(_signature(key, text), signature)]
        if not matching:
            raise Refused("its signature matches no key of this worker, or it was for another worker")
        if scope == "write" and all(key.most == "read" for key in matching):
            raise Refused("a key from a read token can't sign a change")
        signed_at, now = int(at) / 1000, self._clock()
        # When the start is long past, only a clock that was set back makes a new call look older than the start.
        is_young = self._steady() - self._began <= 2 * self._skew
        if abs(now - signed_at) > self._skew or (is_young and signed_at < self._since):
            raise Refused("it was signed too long ago, or the clocks of the workers are too far apart")
        self._remember(nonce, now)
        return "write" if scope == "write" else "read"

    def _remember(self, nonce: str, now: float) -> None:
        passed = self._steady()
        while self._forgotten_at and self._may_be_forgotten(*self._forgotten_at[0][:2], now, passed):
            self._taken.discard(self._forgotten_at.popleft()[2])
        if nonce in self._taken:
            raise Refused("it came before")
        if len(self._taken) >= REMEMBERED:
            raise TooManyCalls
        self._taken.add(nonce)
        # If the signing clock is ahead, the call stays valid for twice as long.
        self._forgotten_at.append((now + 2 * self._skew, passed + 2 * self._skew, nonce))

    def _may_be_forgotten(self, until: float, passed_until: float, now: float, passed: float) -> bool:
        # After the clock was set back, a call stays valid for longer; but it must not keep out all other calls.
        return until < now or (passed_until < passed and len(self._taken) >= REMEMBERED)


def has_body(given: str, body: bytes) -> bool:
    """Tell whether the signature `given` is for this body."""
    found = _FORM.fullmatch(given)
    return found is not None and hmac.compare_digest(found[4], sha256(body).hexdigest())


def _signature(key: Key, text: bytes) -> str:
    return hmac.new(key.secret, text, "sha256").hexdigest()

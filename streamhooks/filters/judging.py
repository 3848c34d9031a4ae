"""Whether a message passes the filter of a hook: the same wherever it is asked, live, in a retry, or in a replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from streamhooks.cel.expression import at
from streamhooks.cel.values import type_name, values_of
from streamhooks.errors import BadExpression, EvaluationFailed, MissingKey
from streamhooks.filters.bounds import LARGEST_LOOPED, LONGEST, MESSAGE
from streamhooks.filters.parts import Bounded, Parts, bounded, size_of
from streamhooks.records.message import Message
from streamhooks.times import cut

#: compiled filters that are kept, some 2 KB each
_KEPT: Final = 50_000


Kind = Literal["match", "no_match", "failed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a message passes a filter."""

    kind: Kind
    why: str = ""
    """Why not."""


MATCH: Final = Verdict("match")
NO_MATCH: Final = Verdict("no_match", "it is false")


class Subject:
    """A message that filters are asked about. Each part of it is converted once for all of them."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self._parts = Parts({MESSAGE: fields})
        self._size = -1

    @property
    def cost(self) -> int:
        """Return about what all its filters have cost, as `Bounded.cost` says."""
        return self._parts.cost

    def judge(self, text: str) -> Verdict:
        """Return whether the message passes the filter with this text."""
        found = _filter_of(text)
        if isinstance(found, BadExpression):
            return Verdict("failed", f"it can't be compiled: {found}")
        try:
            value = self._evaluate(found)
        except MissingKey as missing:
            return Verdict("no_match", str(missing))
        except EvaluationFailed as failed:
            return Verdict("failed", str(failed))
        if isinstance(value, bool):
            return MATCH if value else NO_MATCH
        return Verdict("failed", _no_bool(value))

    def _evaluate(self, asked: Bounded) -> Any:
        if asked.expression.comprehensions and self._size_of_data() > LARGEST_LOOPED:
            raise EvaluationFailed(
                f"the message has {self._size} bytes, and a filter with a comprehension is for {LARGEST_LOOPED}"
            )
        return self._parts.evaluate(asked)

    def _size_of_data(self) -> int:
        if self._size < 0:
            self._size = size_of(self._fields["data"])
        return self._size


def compiled_filter(text: str) -> Bounded:
    """Return the filter; raise BadExpression, which says where and why, if it is none or may cost too much."""
    if len(text) > LONGEST:
        raise BadExpression(f"it has {len(text)} characters, and a filter can have {LONGEST}")
    found = bounded(text, (MESSAGE,))
    if not found.paths:
        _check_constant(found)
    return found


def _check_constant(asked: Bounded) -> None:
    """Raise BadExpression for an expression that fails on each message; it names none."""
    try:
        value = asked.expression.evaluate(values_of({}))
    except EvaluationFailed as failed:
        raise BadExpression(f"{at(asked.expression.text, 0)}: {failed}") from None
    if not isinstance(value, bool):
        raise BadExpression(f"{at(asked.expression.text, 0)}: {_no_bool(value)}")


def _no_bool(value: Any) -> str:
    return f"its value is of type {type_name(value)}, not bool"


def subject_of(message: Message) -> Subject:
    """Return a message as filters see it."""
    moment = message.timestamp  # as in the body, and as a retry reads it
    return Subject(
        {
            "type": message.type,
            "organization_id": message.organization_id,
            "project_id": message.project_id,
            "id": message.id,
            "timestamp": None if moment is None else cut(moment),
            "data": message.data,
        }
    )


@lru_cache(_KEPT)
def _filter_of(text: str) -> Bounded | BadExpression:
    try:
        return compiled_filter(text)
    except BadExpression as bad:
        return bad

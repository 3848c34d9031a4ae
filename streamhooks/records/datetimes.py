"""The time of an event, as users write it: ISO 8601, or epoch seconds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from streamhooks.errors import BrokenRecord
from streamhooks.records.exact_json import ExactNumber
from streamhooks.records.fields import is_number
from streamhooks.times import LATEST, moment

# `fromisoformat` accepts any character between date and time, and spaces before an offset; ISO 8601 does not.
_ISO_8601 = re.compile(r"[0-9W-]+(?:[T ][0-9:.,]+(?:Z|[+-][0-9:]+)?)?")
# RFC 3339 has leap seconds, and ISO 8601 has hour 24 for the end of a day; `fromisoformat` accepts neither.
_LEAP_SECOND = re.compile(r"([T ][0-9]{2}:?[0-9]{2}:?)60")
_END_OF_DAY = re.compile(r"([T ])24(?=(?::?00)*(?:[.,]0+)?(?:$|[Z+-]))")
_DAY = 86_400
# The first and the last second that a calendar date can name. Milliseconds given as seconds are far outside.
_EPOCH = (-62_135_596_800, 253_402_300_799)


def check_datetime(fields: dict[str, Any]) -> None:
    """Raise BrokenRecord if the field `datetime` is no time."""
    value = fields.get("datetime")
    if isinstance(value, str):
        upper = value.upper()  # RFC 3339 allows the letters in lower case
        if _ISO_8601.fullmatch(upper) and _is_time(upper):
            return
    elif is_number(seconds := float(value) if isinstance(value, ExactNumber) else value) and (
        _EPOCH[0] <= seconds <= _EPOCH[1]
    ):
        return
    raise BrokenRecord("datetime: must be ISO 8601 or epoch seconds")


def moment_of(value: Any) -> float | None:
    """Return epoch seconds as `times.moment` does, also of hour 24, of leap seconds and of letters in lower case."""
    if not isinstance(value, str):
        return moment(float(value) if isinstance(value, ExactNumber) else value)
    found = moment(upper := value.upper())
    if found is not None:
        return found
    text, days = _END_OF_DAY.subn(r"\g<1>00", upper)
    text, seconds = _LEAP_SECOND.subn(r"\g<1>59", text)
    found = moment(text) if days or seconds else None
    return None if found is None else min(found + days * _DAY + seconds, float(LATEST))


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        usual = _END_OF_DAY.sub(r"\g<1>00", _LEAP_SECOND.sub(r"\g<1>59", text))
        return usual != text and _is_time(usual)
    return True

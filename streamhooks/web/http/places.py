"""The cursor of pages that read a topic backwards: the position in each partition, as a text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from streamhooks.kafka.backwards import Place
from streamhooks.web.http.problems import bad_fields

_PLACE = re.compile(r"([0-9]{1,9}):([0-9]{1,18})(?::([0-9]{1,9}))?")
#: more partitions than any topic has
_MOST = 10_000


def before_of(given: Mapping[str, str]) -> dict[int, Place]:
    """Return where the previous page ended, from the `cursor` of a query; raise ProblemError with 400 if invalid."""
    if "cursor" not in given:
        return {}
    places = [_PLACE.fullmatch(part) for part in given["cursor"].split(".")]
    if not all(places) or len(places) > _MOST:
        raise bad_fields({"cursor": "must be the next_cursor of an answer"})
    return {int(place[1]): Place(int(place[2]), int(place[3] or 0)) for place in places if place}


def cursor_of(reached: Mapping[int, Place] | None) -> str | None:
    """Return the `next_cursor` of a page that ended at `reached`; None after the last page."""
    if reached is None:
        return None
    places = sorted(reached.items())
    return ".".join(f"{number}:{offset}" + (f":{item}" if item else "") for number, (offset, item) in places)

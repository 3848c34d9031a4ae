"""The patterns of callers' texts, as regular expressions of JSON Schema: a text is accepted if and only if it matches.

They are strict, so that a program that generates requests from the OpenAPI document generates no invalid one. Tests
check each against the code that reads the text.
"""

from __future__ import annotations

from typing import Final

from streamhooks.counting.rollups import ROLLUPS

_TYPE = r"(?=.{1,200}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
#: type of a message
TYPE: Final = rf"^{_TYPE}$"
#: id and source of a message: no control characters
NAME: Final = r"^[^\u0000-\u001f\u007f-\u009f]+$"
SINGLE_EVENT: Final = rf"^(?:[a-z0-9_-]{{1,100}}\.[a-z0-9_-]{{1,100}}|{_TYPE})$"

_DAY = (
    "(?:(?:19[7-9][0-9]|[2-9][0-9]{3})-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    "|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    "|(?:19(?:[79][26]|8[048])|[2-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[3579][26])00)-02-29)"
)
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_TIME = rf"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?{_OFFSET}?"
MOMENT: Final = rf"^(?:[0-9]{{1,11}}(?:\.[0-9]{{1,9}})?|{_DAY}(?:{_TIME})?)$"

#: header streamhooks-hops: how many deliveries led to a record
HOPS: Final = "^[0-9]{1,9}$"
HOOK_ID: Final = "^[0-9a-fA-F]{32}$"
EVENT_ID: Final = HOOK_ID
#: cursor of the list of hooks: an id; sorted by trouble, first the rank and the time since when
HOOKS_CURSOR: Final = r"^(?:[0-9]\.[0-9]{1,15}\.)?[0-9a-fA-F]{32}$"
_PLACE = "[0-9]{1,9}:[0-9]{1,18}"
LETTER: Final = rf"^{_PLACE}$"
#: maximum number of letters in one call
MOST_LETTERS: Final = 1000
#: maximum number of messages on which a filter is tried
MOST_TRIED: Final = 200
#: a topic: one of one's own may have any name that Kafka allows
TOPIC: Final = "^[A-Za-z0-9._-]{1,249}$"
SOURCE: Final = rf"^[A-Za-z0-9._-]{{1,249}}:{_PLACE}$"
_PLACE_IN_RECORD = rf"{_PLACE}(?::[0-9]{{1,9}})?"
#: cursor of pages that read a topic backwards
PLACES_CURSOR: Final = rf"^{_PLACE_IN_RECORD}(?:\.{_PLACE_IN_RECORD})*$"
#: cursor of the list of tasks' calls: when the last one is due, and its id in hex
TASKS_CURSOR: Final = r"^[0-9]{1,19}\.(?:[0-9a-f]{2}){1,1000}$"
#: possible statuses of a response
STATUSES: Final = range(100, 1000)

#: every spelling of a rollup: 3600s, 60m and 1h are the same
RESOLUTIONS: Final = tuple(
    f"{rollup.seconds // size}{unit}"
    for rollup in ROLLUPS
    for unit, size in (("s", 1), ("m", 60), ("h", 3600), ("d", 86_400))
    if rollup.seconds % size == 0
)

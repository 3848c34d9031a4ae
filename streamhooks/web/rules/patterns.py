"""What texts of callers look like, as regular expressions of JSON Schema: what fits is accepted, what does not is not.

They are strict where a client may send anything, so that a program which makes requests from the OpenAPI document makes
none that is refused. Tests hold each against the code that checks it.
"""

from __future__ import annotations

from typing import Final

from streamhooks.counting.rollups import ROLLUPS
from streamhooks.sources.kinds import OF_USERS, SourceKind

SINGLE_EVENT: Final = r"^[a-z0-9_-]{1,100}\.[a-z0-9_-]{1,100}$"

_DAY = (
    "(?:(?:19[7-9][0-9]|[2-9][0-9]{3})-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    "|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    "|(?:19(?:[79][26]|8[048])|[2-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[3579][26])00)-02-29)"
)
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_TIME = rf"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?{_OFFSET}?"
MOMENT: Final = rf"^(?:[0-9]{{1,11}}(?:\.[0-9]{{1,9}})?|{_DAY}(?:{_TIME})?)$"

HOOK_ID: Final = "^[0-9a-fA-F]{32}$"
EVENT_ID: Final = HOOK_ID
#: of the list of hooks: an id, and in the order of trouble the rank and since when before it
HOOKS_CURSOR: Final = r"^(?:[0-9]\.[0-9]{1,15}\.)?[0-9a-fA-F]{32}$"
_PLACE = "[0-9]{1,9}:[0-9]{1,18}"
LETTER: Final = rf"^{_PLACE}$"
#: letters that one call may name
MOST_LETTERS: Final = 1000
SOURCE: Final = rf"^[A-Za-z0-9._-]{{0,100}}(?:{'|'.join(OF_USERS)}):{_PLACE}$"
#: of what is sent: a request may also be of a notice
SENT_SOURCE: Final = rf"^[A-Za-z0-9._-]{{0,100}}(?:{'|'.join(SourceKind)}):{_PLACE}$"
_PLACE_IN_RECORD = rf"{_PLACE}(?::[0-9]{{1,9}})?"
#: of pages that read a topic backwards
PLACES_CURSOR: Final = rf"^{_PLACE_IN_RECORD}(?:\.{_PLACE_IN_RECORD})*$"
#: what may come back as a status
STATUSES: Final = range(100, 1000)

#: every way to write a rollup: 3600s, 60m and 1h are one
RESOLUTIONS: Final = tuple(
    f"{rollup.seconds // size}{unit}"
    for rollup in ROLLUPS
    for unit, size in (("s", 1), ("m", 60), ("h", 3600), ("d", 86_400))
    if rollup.seconds % size == 0
)

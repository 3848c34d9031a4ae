"""What texts of callers look like, as regular expressions of JSON Schema: what fits is accepted, what does not is not.

They are strict where a client may send anything, so that a program which makes requests from the OpenAPI document makes
none that is refused. Tests hold each against the code that checks it.
"""

from __future__ import annotations

import re
from typing import Final

from streamhooks.counting.rollups import ROLLUPS
from streamhooks.records.bounds import BLANK
from streamhooks.records.own_headers import RESERVED
from streamhooks.records.secret import SEALED
from streamhooks.sources.rules import SOURCES


def _any_case(pattern: str) -> str:
    """Return the pattern so that the case of its letters does not matter: JSON Schema has no flags."""
    return re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", pattern)


_LABEL = "[A-Za-z0-9_-]{1,63}"
_NUMBER = "(?:[0-9]+|0[xX][0-9A-Fa-f]*)"
_NAME = rf"(?![^/?#:]{{254}})(?!(?:{_LABEL}\.)*{_NUMBER}\.?(?:[/?#:]|$))(?:{_LABEL}\.)*{_LABEL}\.?"
# By what it must not hold: whether an address may be reached is up to the settings, so that a program which makes
# examples of this pattern had better make names.
_IPV4 = r"(?![^/?#:]*[^0-9./?#:])[^/?#:]{7,15}"
_IPV6 = r"\[(?![^\]]*[^0-9A-Fa-f:.\]])[^\]/?#]{2,45}\]"
_PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
URL: Final = rf"^{_any_case('https?')}://(?:{_NAME}|{_IPV4}|{_IPV6})(?::{_PORT})?(?:[/?#][!-\[\]-~]*)?$"

_RESOURCE = "[A-Za-z0-9_-]{1,100}"
_ALONE = _any_case("issue|error|comment|event_alert")
APP_EVENT: Final = rf"^(?:\*|{_ALONE}|(?!{_any_case('event')}\.){_RESOURCE}\.(?:{_RESOURCE}|\*))$"
SINGLE_EVENT: Final = r"^[a-z0-9_-]{1,100}\.[a-z0-9_-]{1,100}$"

# Base64 of 24 to 64 bytes.
_FOUR = "[A-Za-z0-9+/]"
_BASE64 = rf"(?:(?:{_FOUR}{{4}}){{8,20}}(?:{_FOUR}{{2}}==|{_FOUR}{{3}}=)?|(?:{_FOUR}{{4}}){{21}}(?:{_FOUR}{{2}}==)?)"
SECRET: Final = rf"^(?:whsec_{_BASE64}|(?!whsec_|{SEALED})[\s\S]{{16,256}})$"

HEADER_NAME: Final = rf"^(?!(?:{_any_case(RESERVED)})$)[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
HEADER_VALUE: Final = rf"^(?!{SEALED})[\t -~]*$"

# What stands in a name: something that is seen, no control characters, nothing that breaks a line or turns the
# direction of writing around.
LABEL: Final = rf"^(?![{BLANK}]*$)[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+$"

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
SOURCE: Final = rf"^[A-Za-z0-9._-]{{0,100}}(?:{'|'.join(SOURCES)}):{_PLACE}$"
#: the topics of what is sent: a request may also be of a notice
SENT: Final = (*SOURCES, "notices")
SENT_SOURCE: Final = rf"^[A-Za-z0-9._-]{{0,100}}(?:{'|'.join(SENT)}):{_PLACE}$"
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

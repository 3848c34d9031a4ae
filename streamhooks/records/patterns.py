"""The texts of a new hook as regular expressions of JSON Schema; see also `web/rules/patterns.py`.

A text that matches is accepted, and no other. Tests hold each pattern against the code that checks the text.
"""

from __future__ import annotations

import re
from typing import Final

from streamhooks.records.bounds import BLANK
from streamhooks.records.custom_headers import RESERVED
from streamhooks.records.secret import SEALED


def _any_case(pattern: str) -> str:
    """Return the pattern with letters of either case, since JSON Schema has no flags."""
    return re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", pattern)


_LABEL = "[A-Za-z0-9_-]{1,63}"
_NUMBER = "(?:[0-9]+|0[xX][0-9A-Fa-f]*)"
_NAME = rf"(?![^/?#:]{{254}})(?!(?:{_LABEL}\.)*{_NUMBER}\.?(?:[/?#:]|$))(?:{_LABEL}\.)*{_LABEL}\.?"
# By what an address must not contain: the settings decide whether it may be reached, so a program that makes examples
# of this pattern should rather make names.
_IPV4 = r"(?![^/?#:]*[^0-9./?#:])[^/?#:]{7,15}"
_IPV6 = r"\[(?![^\]]*[^0-9A-Fa-f:.\]])[^\]/?#]{2,45}\]"
_PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
URL: Final = rf"^{_any_case('https?')}://(?:{_NAME}|{_IPV4}|{_IPV6})(?::{_PORT})?(?:[/?#][!-\[\]-~]*)?$"

_RESOURCE = "[A-Za-z0-9_-]{1,100}"
_ALONE = _any_case("issue|error|comment|event_alert")
APP_EVENT: Final = rf"^(?:\*|{_ALONE}|(?!{_any_case('event')}\.){_RESOURCE}\.(?:{_RESOURCE}|\*))$"

_SEGMENT = "[A-Za-z0-9_-]+"
MESSAGE_TYPE: Final = rf"^(?=.{{1,200}}$|.{{1,200}}\.\*$)(?:\*|{_SEGMENT}(?:\.{_SEGMENT})*(?:\.\*)?)$"

# Base64 of 24 to 64 bytes.
_FOUR = "[A-Za-z0-9+/]"
_BASE64 = rf"(?:(?:{_FOUR}{{4}}){{8,20}}(?:{_FOUR}{{2}}==|{_FOUR}{{3}}=)?|(?:{_FOUR}{{4}}){{21}}(?:{_FOUR}{{2}}==)?)"
SECRET: Final = rf"^(?:whsec_{_BASE64}|(?!whsec_|{SEALED})[\s\S]{{16,256}})$"

HEADER_NAME: Final = rf"^(?!(?:{_any_case(RESERVED)})$)[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
HEADER_VALUE: Final = rf"^(?!{SEALED})[\t -~]*$"

# A name: at least one visible character, no control characters, none that break a line or change the text direction.
LABEL: Final = rf"^(?![{BLANK}]*$)[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+$"

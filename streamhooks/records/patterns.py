"""What the texts of a new hook look like, as regular expressions of JSON Schema; see also `web/rules/patterns.py`.

What fits is accepted, and what does not is not. Tests hold each against the code that checks it.
"""

from __future__ import annotations

import re
from typing import Final

from streamhooks.records.bounds import BLANK
from streamhooks.records.own_headers import RESERVED
from streamhooks.records.secret import SEALED


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

# Base64 of 24 to 64 bytes.
_FOUR = "[A-Za-z0-9+/]"
_BASE64 = rf"(?:(?:{_FOUR}{{4}}){{8,20}}(?:{_FOUR}{{2}}==|{_FOUR}{{3}}=)?|(?:{_FOUR}{{4}}){{21}}(?:{_FOUR}{{2}}==)?)"
SECRET: Final = rf"^(?:whsec_{_BASE64}|(?!whsec_|{SEALED})[\s\S]{{16,256}})$"

HEADER_NAME: Final = rf"^(?!(?:{_any_case(RESERVED)})$)[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
HEADER_VALUE: Final = rf"^(?!{SEALED})[\t -~]*$"

# What stands in a name: something that is seen, no control characters, nothing that breaks a line or turns the
# direction of writing around.
LABEL: Final = rf"^(?![{BLANK}]*$)[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+$"

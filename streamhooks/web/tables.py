"""The script `tables.js` of the page: outcomes, source topics and observed values of hooks, from the code's tables."""

from __future__ import annotations

from typing import Final

from streamhooks.records.exact_json import dumps
from streamhooks.records.firing import OUTCOMES
from streamhooks.sources.kinds import OF_USERS
from streamhooks.web.http.observed import BY_NAME

NAME: Final = "tables.js"


def script() -> bytes:
    """Return the script, in UTF-8."""
    tables = {
        "OUTCOMES": {name: said.tone for name, said in OUTCOMES.items()},
        "TOPICS": {
            "service": [kind.value for kind in OF_USERS if kind.service_events],
            "app": [kind.value for kind in OF_USERS if kind.app_events != ()],
        },
        "OBSERVED": [[name, one.title] for name, one in BY_NAME.items() if one.title],
    }
    lines = [b"export const %s = %s;\n" % (name.encode(), dumps(table)) for name, table in tables.items()]
    return b"// Made by streamhooks/web/tables.py.\n" + b"".join(lines)

"""The JSON schemas of calls of tasks."""

from __future__ import annotations

from typing import Final, get_args

from streamhooks.delayed.looking import STATES
from streamhooks.records.call import Reason
from streamhooks.records.json_schema import TEXT, Schema
from streamhooks.records.json_schema import of_list as _list
from streamhooks.records.json_schema import of_object as _object
from streamhooks.records.json_schema import or_null as _or_null
from streamhooks.web.spec.values import of_ref as _ref

_MS: Final[Schema] = {"type": "integer", "description": "epoch milliseconds"}

_CALL: Final[dict[str, Schema]] = {
    "call_id": {**TEXT, "description": "as `current_call().id` and the id of the handle"},
    "task": TEXT,
    "state": {
        "enum": [*STATES, "gone"],
        "description": "queued: due, waits for a place; unknown: due, waits for a worker that knows its task",
    },
    "attempt": {"type": "integer", "minimum": 1, "description": "number of the next or current run"},
    "due": _MS,
    "created": _MS,
    "reason": {"enum": list(get_args(Reason)), "description": "why it waits or has waited"},
    "last": {"type": ["object", "null"], "description": "error of the last run"},
    "source": {"type": ["string", "null"]},
}
_COUNTS: Final[dict[str, Schema]] = {"task": TEXT} | {state: {"type": "integer"} for state in STATES}

OF_TASKS: Final[dict[str, Schema]] = {
    "TaskCall": _object(_CALL, *_CALL),
    "WholeTaskCall": _object(
        {
            **_CALL,
            "args": {"type": ["array", "null"], "description": "null if Kafka no longer has the arguments"},
            "kwargs": {"type": ["object", "null"]},
        },
        *_CALL,
    ),
    "TaskCalls": _object(
        {
            "calls": _list(_ref("TaskCall")),
            "tasks": {
                **_list(_object(_COUNTS, *_COUNTS)),
                "description": "how many calls there are, whatever `state` is wanted; the 500 tasks with the most",
            },
            "next_cursor": _or_null(TEXT),
        },
        "calls",
        "tasks",
        "next_cursor",
    ),
}

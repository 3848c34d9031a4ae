"""The script `hook_fields.js` of the page: the hook fields for its form and its facts."""

from __future__ import annotations

from typing import Any

from streamhooks.records.exact_json import dumps
from streamhooks.records.hook import FIELDS
from streamhooks.records.hook_fields import Fact, HookField, Input

NAME = "hook_fields.js"


def script() -> bytes:
    """Return the script, in UTF-8."""
    entries = [_entry(name, said) for name, said in FIELDS.items() if said.input or said.fact]
    return b"// Made by streamhooks/web/fields.py.\nexport const FIELDS = " + dumps(entries) + b";\n"


def _entry(name: str, said: HookField) -> dict[str, Any]:
    return {
        "name": name,
        "kind": said.value.kind,
        "unit": said.unit,
        "has_setting": said.has_setting,
        "maxlength": said.value.longest,
        "choices": said.value.schema.get("enum"),
        "input": said.input and _input(said.input),
        "fact": said.fact and _fact(said.fact),
    }


def _input(one: Input) -> dict[str, str]:
    return {"label": one.label, "hint": one.hint, "placeholder": one.placeholder, "place": one.place}


def _fact(one: Fact) -> dict[str, str]:
    return {"title": one.title, "without": one.without}

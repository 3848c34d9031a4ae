"""What holds for a hook that says nothing, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamhooks.cli.show import as_text, with_unit
from streamhooks.errors import Refusal

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api


def with_defaults(api: Api, hook: JSON) -> JSON:
    """Return the hook for people, with the worker's default in the place of what it does not say."""
    try:
        defaults: JSON = api.get("/api/overview").get("defaults") or {}
    except Refusal:  # what is asked for is the hook
        return hook
    kind = "service_hook" if hook["app_id"] is None else "app"
    shown = dict(hook)
    for name, value in defaults.items():
        if hook.get(name) is None:
            default = value[kind] if isinstance(value, dict) else value
            text = "none" if default is None else as_text(with_unit(name, default))
            shown[name] = f"{text} (the worker's default)"
    return shown

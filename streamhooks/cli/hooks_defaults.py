"""The worker's defaults for the fields that a hook leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamhooks.cli.show import as_text, with_unit
from streamhooks.errors import Refusal

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api


def with_defaults(api: Api, hook: JSON) -> JSON:
    """Return the hook for display, with the worker's default in place of each null that has one."""
    try:
        defaults: JSON = api.get("/api/overview").get("defaults") or {}
    except Refusal:  # the user asked for the hook, which is there
        return hook
    kind = "service_hook" if hook["app_id"] is None else "app"
    shown = dict(hook)
    for name, value in defaults.items():
        if hook.get(name) is None:
            default = value[kind] if isinstance(value, dict) else value
            text = "none" if default is None else as_text(with_unit(name, default))
            shown[name] = f"{text} (the worker's default)"
    return shown

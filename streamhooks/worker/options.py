"""Options of `faust -A streamhooks worker` as our settings."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from streamhooks.errors import BadSettings
from streamhooks.settings import Settings, load_settings

#: the names of our settings by those of Faust's options
_SETTINGS = {
    "web_port": "web_port",
    "web_bind": "web_bind",
    "web_host": "advertise",
    "datadir": "data_dir",
}


def with_options(settings: Settings, command: click.Context | None) -> Settings:
    """Return the settings with the options of a command line, which override the environment.

    Raises:
        BadSettings: a value is wrong, or the option is not supported.

    """
    typed = _typed(command)
    if not typed.get("with_web", True):
        raise BadSettings("--without-web: a worker needs its views: other workers and health checks call them")
    if getattr(typed.get("web_transport"), "scheme", "tcp") != "tcp":
        raise BadSettings("--web-transport: must be TCP; set STREAMHOOKS_WEB_BIND and _WEB_PORT for the views")
    given = {_SETTINGS[name]: value for name, value in typed.items() if name in _SETTINGS}
    return load_settings(**{**dict(settings), **given}) if given else settings


def _typed(command: click.Context | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while command is not None:
        for name, value in command.params.items():
            if command.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                found.setdefault(name, value)
        command = command.parent
    return found

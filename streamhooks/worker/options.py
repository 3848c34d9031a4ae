"""What somebody typed behind `faust -A streamhooks worker`, as settings of ours."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from streamhooks.errors import BadSettings
from streamhooks.settings import Settings, load_settings

#: options of Faust, and the settings that they stand for
_SETTINGS = {
    "web_port": "web_port",
    "web_bind": "web_bind",
    "web_host": "advertise",
    "datadir": "data_dir",
}


def with_options(settings: Settings, command: click.Context | None) -> Settings:
    """Return the settings with the options of a command line, which come before the environment.

    Raises:
        BadSettings: a value is wrong, or no worker can have the option.

    """
    typed = _typed(command)
    if not typed.get("with_web", True):
        raise BadSettings("--without-web: a worker needs its views, by which the others and its health are asked")
    if getattr(typed.get("web_transport"), "scheme", "tcp") != "tcp":
        raise BadSettings("--web-transport: the views are served over TCP (STREAMHOOKS_WEB_BIND, _WEB_PORT)")
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

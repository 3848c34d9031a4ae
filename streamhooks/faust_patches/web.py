"""Faust's web driver, on our server."""

from __future__ import annotations

from typing import Any

from faust.web.drivers.aiohttp import Web as FaustWeb

from streamhooks.faust_patches.server import Runner, Site


class Web(FaustWeb):
    """The driver of the views."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._runner = Runner(self.web_app)

    def _new_transport_tcp(self) -> Site:
        conf = self.app.conf
        return Site(self._runner, conf.web_bind, conf.web_port, ssl_context=conf.web_ssl_context)

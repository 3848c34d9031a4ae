"""Storms of changes: they end by themselves, and leave hooks enabled."""

from __future__ import annotations

import random

from chaos.changing import Storm, client
from chaos.stage import Faults, Stage
from chaos.toggling import toggle


async def _change(stage: Stage, draw: random.Random) -> None:
    with stage.noted("change hooks"):
        async with client() as session:
            storm = Storm(stage.journal, stage.fleet, stage.receiver.base, session)
            await storm.run(draw.uniform(10, 25), draw)


async def _toggle(stage: Stage, draw: random.Random) -> None:
    hooks = [hook for hook in stage.hooks if hook.resume]
    async with stage.toggling:
        with stage.noted("toggle hooks", f"{len(hooks)} hooks"):
            await toggle(stage.fleet, hooks, draw.uniform(10, 25), draw, stage.toggles)


ALL: Faults = {"change hooks": _change, "toggle hooks": _toggle}

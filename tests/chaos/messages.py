"""The messages of the load: plain ones, and CloudEvents of both modes, with what says which hooks they must reach."""

from __future__ import annotations

import random
from typing import Any

from chaos.scene import ORGANIZATION, PROJECTS, TYPES

Headers = tuple[tuple[str, str], ...]


def message(draw: random.Random, number: int) -> tuple[str, dict[str, Any], Headers]:
    """Return the key, the value and the headers of the message of that number.

    Its type and project are in its data as well: those of a CloudEvent of the binary mode are in headers, which the
    account does not keep.
    """
    kind, project = draw.choice(TYPES), draw.choice((*PROJECTS, None))
    data = {
        "chaos": number,
        "type": kind,
        "project": project,
        "total": draw.randint(1, 200),
        "title": "x" * draw.randint(10, 400),
    }
    how = draw.choice(("plain", "plain", "structured", "binary"))
    if how == "plain":
        value = {"type": kind, "organization_id": ORGANIZATION["id"], "project_id": project, "data": data}
        return str(number), value | draw.choice(({}, {"id": f"m-{number}"})), ()
    attributes = {
        "specversion": "1.0",
        "id": f"m-{number}",
        "source": "/chaos",
        "type": kind,
        "organizationid": ORGANIZATION["id"],
        **({"projectid": project} if project else {}),
    }
    if how == "structured":
        return str(number), {**attributes, "data": data}, (("content-type", "application/cloudevents+json"),)
    headers = [(f"ce_{name}", text) for name, text in attributes.items()]
    return str(number), data, (*headers, ("content-type", "application/json"))

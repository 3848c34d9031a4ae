"""A topic of one's own in the load: its records, and the file that says what they become."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from chaos.scene import LEFT_OUT, ORDERS, ORGANIZATION, PROJECTS, STATUSES

_SOURCES = """\
sources:
  - topic: {topic}
    type: '"order." + value.status'
    organization_id: value.customer
    project_id: value.project
    when: value.status != "{left_out}"
"""


def write_sources(path: Path, prefix: str) -> Path:
    """Write the file for STREAMHOOKS_SOURCES, and return its path; `prefix` is that of all topics of a run."""
    path.write_text(_SOURCES.format(topic=prefix + ORDERS, left_out=LEFT_OUT))
    return path


def order(draw: random.Random, number: int) -> tuple[str, dict[str, Any]]:
    """Return the key and the value of the record of that number."""
    value = {
        "chaos": number,
        "customer": int(ORGANIZATION["id"]),
        "project": draw.choice((*PROJECTS, None)),
        "status": draw.choice((*STATUSES, LEFT_OUT)),
        "total": draw.randint(1, 200),
        "title": "x" * draw.randint(10, 400),
    }
    return str(number), value

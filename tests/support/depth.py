"""How many examples of a property are tried: some in every run, many more in a long one (`make fuzz`)."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

#: how many times the examples of every run
DEPTH = int(os.environ.get("STREAMHOOKS_TEST_DEPTH", "1"))
#: of a property that says nothing else, in every run
EXAMPLES = 50


def examples(number: int = EXAMPLES, **further: Any) -> settings:
    """Return settings with this number of examples in every run."""
    # How long an example takes says more about the machine than about the code.
    return settings(max_examples=number * DEPTH, deadline=None, **further)

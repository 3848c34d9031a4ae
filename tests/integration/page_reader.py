"""Who reads the page of a worker, and takes pictures of it."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

from support import eventually as _eventually
from support.browser import Browser

#: the page reads what it shows every few seconds, and more slowly where much runs beside
eventually = partial(_eventually, timeout=90.0)
MOMENT = r"\d{1,2} \w{3,4}, \d\d:\d\d:\d\d UTC"
CELLS = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim().replace(/\\s+/g, ' ')))"
COUNTED = "Each attempt of a webhook-id is counted once, even if it is replayed. Tests are not counted."


class Reader:
    """Who reads the page, and takes pictures of it."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._folder = os.environ.get("STREAMHOOKS_TEST_SCREENSHOTS")
        self._steps = 0

    def picture(self, name: str) -> None:
        """One for the documentation, without what is shown for a few seconds only."""
        if self._folder:
            eventually(lambda: self.browser.all(".toast").count() == 0)
            self.browser.screenshot(Path(self._folder) / f"{name}.png", whole=False)

    def step(self, name: str) -> None:
        """One of what is shown now, to be read aloud."""
        if self._folder:
            folder = Path(self._folder) / "steps"
            folder.mkdir(exist_ok=True)
            self._steps += 1
            self.browser.screenshot(folder / f"{self._steps:02}-{name}.png")

    def rows(self, table: str) -> list[list[str]]:
        """What is to be read in the rows of a table, by its name."""
        found = self.browser.page.get_by_role("table", name=table, exact=True).get_by_role("row")
        return found.evaluate_all(CELLS)[1:]

    def shows(self, table: str, *rows: str) -> None:
        """Wait until a table has these rows and no others; times and durations are told as `T` and `D`."""
        told = lambda row: re.sub(r"\d+ ms", "D", re.sub(MOMENT, "T", " | ".join(row)))  # noqa: E731
        try:
            eventually(lambda: [told(row) for row in self.rows(table)] == list(rows))
        except AssertionError:
            assert [told(row) for row in self.rows(table)] == list(rows)

    def attempts(self, *rows: str) -> None:
        """Wait until the latest requests are these: attempt, outcome and what came back, the newest first."""
        self.shows("Latest requests", *(f"T | event.created | {row} | D | Show" for row in rows))

    def counts(self, fired: int, delivered: int, failed: int) -> None:
        """Wait until the chart tells these numbers."""
        eventually(
            lambda: re.search(rf"fired {fired}\s+delivered {delivered}\s+failed {failed}\s", self.browser.text())
        )

    def overview(self, **wanted: str) -> None:
        """Wait until the numbers above the hooks are these (patterns), and no others."""
        page = self.browser.page
        names, numbers = (page.get_by_role(role).all_inner_texts for role in ("term", "definition"))
        told = "; ".join(f"{name.replace('_', ' ')} {pattern}" for name, pattern in wanted.items())
        shown = lambda: "; ".join(map(" ".join, zip(names(), numbers(), strict=True)))  # noqa: E731
        try:
            eventually(lambda: re.fullmatch(told, shown()))
        except AssertionError:
            assert shown() == told

    def dialog(self, *texts: str) -> None:
        """Wait until a dialog says these texts, each in a line of its own."""
        shown = self.browser.page.get_by_role("dialog")
        eventually(lambda: set(texts) <= {line.strip() for line in shown.inner_text().splitlines()})

"""The fenced blocks of the documentation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>[^`\n]*)\n(?P<text>.*?)^ *(?P=fence) *$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Snippet:
    """A fenced block: ` ```language mark `; `line` is that of its first line in the page."""

    page: Path
    line: int
    language: str
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def snippets(page: Path, language: str) -> list[Snippet]:
    """Return the blocks of a page in a language, in order."""
    text = page.read_text()
    found = []
    for match in _FENCE.finditer(text):
        named, _, mark = match["info"].strip().partition(" ")
        if named == language:
            indent = match["indent"]
            body = "".join(line.removeprefix(indent) for line in match["text"].splitlines(keepends=True))
            found.append(Snippet(page, text.count("\n", 0, match.start()) + 2, named, mark.strip(), body))
    return found


def section(page: Path, title: str) -> list[Snippet]:
    """Return the blocks of any language below a heading, in order."""
    before, _, after = page.read_text().partition(f"\n## {title}\n")
    first = before.count("\n") + 2
    last = first + after.partition("\n## ")[0].count("\n") + 1
    found = {one for language in ("sh", "python", "json", "yaml", "ini", "") for one in snippets(page, language)}
    return sorted((one for one in found if first < one.line <= last), key=lambda one: one.line)


def write_files(page: Path, folder: Path, placed: Callable[[str], str]) -> None:
    """Write the named blocks of a page into files of a folder; `placed` makes a reader's addresses of the page's."""
    for language in ("python", "yaml", "json", "ini"):
        for file in snippets(page, language):
            if file.mark:
                assert Path(file.mark).name == file.mark
                (folder / file.mark).write_text(placed(file.text))

"""docs/decisions: each page is whole, is found, and is cited where the decision is made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.snippets import ROOT

FOLDER = ROOT / "docs" / "decisions"
DECISIONS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
#: what fits onto a page
MOST_WORDS = 400


def linked(page: Path) -> set[str]:
    """The decisions to which a page links."""
    return {Path(target).name for target in re.findall(r"\]\(([^)#]*\d{4}-[^)#]*\.md)", page.read_text())}


def test_the_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert len(DECISIONS) >= 12


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_three_parts_on_one_page(page: Path) -> None:
    text = page.read_text()
    assert re.match(rf"# {int(page.name[:4])}\. \S", text)
    assert _HEADING.findall(text) == ["Context", "Decision", "Consequences"]
    assert all(part.strip() for part in _HEADING.split(text)[2::2])
    assert len(text.split()) <= MOST_WORDS


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_cited_by_the_code_that_it_is_about(page: Path) -> None:
    cited = f"docs/decisions/{page.name}"
    assert [path for path in (ROOT / "streamhooks").rglob("*.py") if cited in path.read_text()] != []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_the_files_that_a_decision_names_are_there(page: Path) -> None:
    named = re.findall(r"`([\w/.]+\.py)`", page.read_text())
    assert [path for path in named if not any((root / path).is_file() for root in (ROOT, ROOT / "streamhooks"))] == []


def test_each_decision_is_linked() -> None:
    pages = {path.name for path in DECISIONS}
    assert pages - linked(FOLDER / "README.md") == set()
    assert linked(ROOT / "docs" / "how-it-works.md") <= pages

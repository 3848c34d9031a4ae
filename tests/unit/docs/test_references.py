"""What the code and the pages refer to is there: pages of the documentation, and headings of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from support.snippets import PAGES, ROOT

_PAGE = re.compile(r"\bdocs/[\w/-]+\.md\b")
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_MODULE = re.compile(r"(?<![\w/.*-])[a-z_]+(?:/[a-z_0-9]+)+\.py\b")
#: folders that the paths of a page may be relative to
_BASES = (ROOT, ROOT / "streamhooks", ROOT / "tests")
_DRAWN = re.compile(r"^ *(\d+) [│▼] (\S+\.py)\b", re.MULTILINE)
_EXPLAINED = re.compile(r"^(\d+)\. `(\S+\.py)` ", re.MULTILINE)
_CODE = sorted(path for folder in ("streamhooks", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in _HEADING.findall(page.read_text())}


def test_each_page_that_code_refers_to_is_there() -> None:
    cited = {(path, page) for path in _CODE for page in _PAGE.findall(path.read_text())}
    assert ("outcomes.py", "docs/reference/outcomes.md") in {(path.name, page) for path, page in cited}
    assert [f"{path}: {page}" for path, page in sorted(cited) if not (ROOT / page).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_module_that_a_page_names_is_there(page: Path) -> None:
    named = set(_MODULE.findall(page.read_text()))
    assert [name for name in sorted(named) if not any((base / name).is_file() for base in _BASES)] == []


def test_each_file_on_the_way_of_a_record_has_its_sentence() -> None:
    text = (ROOT / "docs" / "how-it-works.md").read_text()
    drawn = _DRAWN.findall(text)
    assert [int(number) for number, _ in drawn] == [*range(1, len(drawn) + 1)]
    assert len(drawn) > 10
    assert _EXPLAINED.findall(text) == drawn
    drawing = text[text.index(drawn[0][1]) : text.index(drawn[-1][1])]
    assert drawing.count("\n") < 20


def test_the_changelog_begins_with_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    first = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first
    assert first[1] == version


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text()):
        found = (page.parent / target) if target else page
        assert found.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(found), f"{target} has no heading #{anchor}"

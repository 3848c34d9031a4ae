from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser as Process
from playwright.sync_api import Error, Locator, Page, Playwright, sync_playwright

from streamhooks.errors import Refusal
from support.chromium import Program, find
from support.eventually import eventually
from support.node import NODE

_ARGUMENTS = (
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    # No internet: every name but this machine's is unknown.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
#: a dialog if one is open, else all of the page
_PLACE = "dialog[open], body:not(:has(dialog[open]))"


class Browser:
    """A page in a real Chromium, as a person sees it: by its labels and its text. `page` is Playwright's."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._complaints: list[str] = []
        page.set_default_timeout(30_000)
        page.on("console", lambda said: said.type == "error" and self._complaints.append(said.text))
        page.on("pageerror", lambda error: self._complaints.append(str(error)))

    def open(self, url: str) -> None:
        self.page.goto("about:blank")  # else another # alone would not load the page anew
        self.page.goto(url)

    def resize(self, width: int, height: int = 900) -> None:
        """Set the size of the page, in pixels."""
        self.page.set_viewport_size({"width": width, "height": height})

    def prefer(self, scheme: Any) -> None:
        """Prefer `light` or `dark`."""
        self.page.emulate_media(color_scheme=scheme)

    def live_in(self, zone: str) -> None:
        """Show times in this zone, such as Europe/Berlin."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Emulation.setTimezoneOverride", {"timezoneId": zone})

    @property
    def url(self) -> str:
        # Asked for: `page.url` is that of the last event that a call has brought along.
        return self.page.evaluate("location.href")

    def text(self) -> str:
        """Return all visible text, without folded parts."""
        return self.page.evaluate("document.body.innerText")

    def run(self, script: str) -> Any:
        """Return the result of a script."""
        return self.page.evaluate(f"() => {{ {script} }}")

    def all(self, css: str) -> Locator:
        """Return the visible elements of a selector, in a dialog if one is open."""
        place = self.page if css.startswith("dialog") else self.page.locator(_PLACE).last
        return place.locator(css).filter(visible=True)

    def find(self, css: str, text: str = "") -> Locator:
        """Wait for a visible element that holds a text."""
        found = self.all(css).filter(has_text=text).first
        found.wait_for()
        return found

    def focused(self) -> Locator:
        """Return the element that has the focus."""
        return self.page.locator("*:focus")

    def press(self, text: str, nth: int = 0) -> None:
        """Press the button, link or tab with this name (or a name that begins like it)."""
        button = self.all("button, a, summary, label.choice").filter(has_text=_begins(text)).nth(nth)

        def can_be_pressed() -> bool:
            # Searched again each time: a dialog that opens meanwhile may cover one of the same name.
            button.click(timeout=1_000, trial=True)
            return True

        eventually(can_be_pressed)
        view = self.page.query_selector("main > *")
        leads_away = button.evaluate("one => one.hash?.startsWith('#/') && one.hash !== location.hash")
        button.click()  # once: one that is late is done all the same
        if leads_away and view:
            # What is searched next may be in the previous view, too.
            self.page.wait_for_function("view => !view.isConnected", arg=view)

    def tab(self, name: str) -> None:
        """Choose the tab with this name."""
        self.page.get_by_role("tab", name=name).click()

    def fill(self, label: str, value: str) -> None:
        """Fill the control with this label (or legend: then the choice in it)."""
        labels = self.all("label").filter(has_text=_begins(label))
        labels.first.wait_for()
        just = self.all("label").filter(has_text=re.compile(rf"^\s*{re.escape(label)}\s*$"))
        one = (just if just.count() else labels).first
        control = one.evaluate_handle("label => label.control").as_element()
        assert control is not None, f"{label!r} is a label of nothing"
        kind = control.evaluate("control => control.type")
        if kind in ("checkbox", "radio"):
            one.click()
        elif kind.startswith("select"):
            control.select_option(value)
        else:
            control.fill(value)

    def keys(self, *keys: str) -> None:
        """Press keys where the focus is, by their names: `Tab`, `Enter`, `Escape`, `ArrowRight`."""
        for key in keys:
            self.page.keyboard.press(key)

    def wait_text(self, text: str, timeout: float = 30.0) -> None:
        """Wait until the text is visible."""
        try:
            eventually(lambda: text in self.text(), timeout)
        except AssertionError:
            raise AssertionError(f"{text!r} is not on the page:\n{self.text()}") from None

    def wait_gone(self, text: str, timeout: float = 30.0) -> None:
        eventually(lambda: text not in self.text(), timeout)

    def complaints(self) -> list[str]:
        """Return the browser's complaints since the last call: errors, and what its policy blocked."""
        self.page.evaluate("0")  # what it has said until now is heard
        said, self._complaints = self._complaints, []
        return said

    def hosts(self) -> set[str]:
        """Return every host from which the page has loaded something."""
        return set(self.run("return performance.getEntriesByType('resource').map(one => new URL(one.name).host)"))

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """Save a picture of the page, all of it or what is visible."""
        self.page.screenshot(path=file, full_page=whole)


class Chromium:
    """A Chromium that is started on first use, and again when it has died."""

    def __init__(self, playwright: Playwright, program: Program) -> None:
        self._playwright = playwright
        self._program = program
        self._process: Process | None = None

    @contextmanager
    def browser(self) -> Iterator[Browser]:
        """Return a page without a token, on a wide screen, in light mode."""
        page = self._page()
        try:
            yield Browser(page)
        finally:
            try:
                page.context.close()
            except Error:  # it has died
                self._process = None

    def _page(self) -> Page:
        if self._process is not None:
            try:
                return self._opened(self._process)
            except Error:  # it has died
                self._process = None
        environment = {**os.environ, **self._program.environment}
        self._process = self._playwright.chromium.launch(
            executable_path=self._program.path, args=_ARGUMENTS, env=environment
        )
        return self._opened(self._process)

    @staticmethod
    def _opened(process: Process) -> Page:
        size = {"width": 1280, "height": 900}
        return process.new_context(viewport=size, color_scheme="light", locale="en-GB").new_page()


@contextmanager
def chromium() -> Iterator[Chromium]:
    """Give a Chromium for as long as the context lasts; without one, fail, or skip if the developer asked for it."""
    try:
        program = find()
    except Refusal as error:
        if os.environ.get("STREAMHOOKS_TEST_WITHOUT_PAGE") and not os.environ.get("CI"):
            pytest.skip(str(error))
        pytest.fail(f"{error}; STREAMHOOKS_TEST_WITHOUT_PAGE=1 skips the tests of the page", pytrace=False)
    # Playwright's own Node needs a library that a machine with only Python may not have.
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(NODE))
    with sync_playwright() as playwright:
        yield Chromium(playwright, program)


def _begins(text: str) -> re.Pattern[str]:
    return re.compile(rf"^\s*{re.escape(text)}")

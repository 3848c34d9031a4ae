from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.eventually import eventually

_WIDE = (1280, 900)


class Browser:
    """A page in a real Chromium, as a person sees it: by its labels and its text. `driver` is Selenium's."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.get("about:blank")  # else another # alone would not load the page anew
        self.driver.get(url)

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page (not the window, which has a least width) so many pixels."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def prefer(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def text(self) -> str:
        """All that is to be read now, without what is folded away."""
        return self.driver.execute_script("return document.body.innerText")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, css: str) -> list[Any]:
        """What is visible of a selector, in a dialog if one is open."""
        top = self.driver.find_elements("css selector", "dialog[open]")
        place = top[-1] if top and not css.startswith("dialog") else self.driver
        return [one for one in place.find_elements("css selector", css) if one.is_displayed()]

    def find(self, css: str, text: str = "") -> Any:
        """Wait for a visible element that holds a text."""
        return self._settled(lambda: next((one for one in self.all(css) if text in one.text), None), f"{css} {text!r}")

    def press(self, text: str, nth: int = 0) -> None:
        """Press the button, link or tab that is called so (or begins so)."""

        def pressed() -> bool:
            named = [one for one in self.all("button, a, summary, label.choice") if one.text.strip().startswith(text)]
            if len(named) <= nth or not named[nth].is_enabled():
                return False
            named[nth].click()
            return True

        self._settled(pressed, f"press {text!r}")

    def fill(self, label: str, value: str) -> None:
        """Fill the control with this label (or legend: then the choice in it)."""

        def filled() -> bool:
            labels = [one for one in self.all("label") if one.text.strip().startswith(label)]
            for one in sorted(labels, key=lambda one: one.text.strip() != label):  # the one that says just this first
                if one.is_displayed():
                    control = self.run("return arguments[0].control", one)
                    if control is not None and control.get_attribute("type") in ("checkbox", "radio"):
                        control.click()
                        return True
                    if control is not None and control.is_displayed():
                        if control.tag_name == "select" or control.get_attribute("type") == "datetime-local":
                            self.run(
                                "arguments[0].value = arguments[1];"
                                "for (const name of ['input', 'change'])"
                                "  arguments[0].dispatchEvent(new Event(name, {bubbles: true}))",
                                control,
                                value,
                            )
                        else:
                            control.clear()
                            control.send_keys(value)
                        return True
            return False

        self._settled(filled, f"fill {label!r}")

    def keys(self, *keys: str) -> None:
        """Type where the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def wait_text(self, text: str, timeout: float = 30.0) -> None:
        """Wait until the text is to be read."""
        try:
            eventually(lambda: text in self.text(), timeout)
        except AssertionError:
            raise AssertionError(f"{text!r} is not on the page:\n{self.text()}") from None

    def wait_gone(self, text: str, timeout: float = 30.0) -> None:
        eventually(lambda: text not in self.text(), timeout)

    def complaints(self) -> list[str]:
        """What the browser complained of since the last call: errors, what its policy blocked."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def hosts(self) -> set[str]:
        """Every host that the page has loaded something from."""
        return set(self.run("return performance.getEntriesByType('resource').map(one => new URL(one.name).host)"))

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """Save a picture of the page, all of it or what is visible."""
        if whole:
            width, height = self.run("return [innerWidth, Math.min(2400, document.documentElement.scrollHeight)]")
            self.resize(width, max(height, 400))
        self.driver.save_screenshot(str(file))

    def _settled(self, probe: Callable[[], Any], what: str) -> Any:
        try:
            return eventually(probe, 15)
        except AssertionError as error:
            raise AssertionError(f"not found: {what} ({error})\n{self.text()}") from None


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium without a screen; skip the test where there is none, or no Selenium."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="pip install -e '.[browser]'")
    program, driver_program = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver_program:
        pytest.skip("needs chromium and chromium-driver (Debian's packages)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (
        "--headless=new",
        "--no-sandbox",  # as root there is none
        "--disable-dev-shm-usage",
        "--disable-gpu",
        f"--window-size={_WIDE[0]},{_WIDE[1]}",
        # No internet: every name but this machine's is unknown.
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        "--disable-background-networking",
        "--disable-component-update",
        "--lang=en-GB",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver_program))
    try:
        one = Browser(driver)
        one.resize(*_WIDE)
        yield one
    finally:
        driver.quit()

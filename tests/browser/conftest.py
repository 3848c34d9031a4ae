from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.browser import Browser, chromium


@pytest.fixture(scope="session")
def one_browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def browser(one_browser: Browser) -> Iterator[Browser]:
    """A browser that knows no token, on a wide screen, in light."""
    one_browser.resize(1280)
    one_browser.prefer("light")
    one_browser.complaints()
    yield one_browser
    one_browser.driver.get("about:blank")

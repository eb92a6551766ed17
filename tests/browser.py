"""A headless Chromium for tests of pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({violatedDirective, blockedURI}) =>
    console.error("policy", violatedDirective, blockedURI));
"""


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser of Playwright; the test is skipped where one of the two is missing."""
    api = pytest.importorskip("playwright.sync_api", reason="found no playwright: pip install it")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"found none of {', '.join(PROGRAMS)} on PATH: apt-get install chromium")
    with api.sync_playwright() as driver:
        # As root, which tests may be, Chromium has no sandbox; it sees our own pages alone.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Tabs:
    """Tabs of one visitor, whose storage they share; `errors` is what went wrong in them.

    Args:
        browser: Browser of Playwright.
        options: of its `new_context`, such as `viewport` and `locale`.
    """

    def __init__(self, browser: Any, **options: Any):
        self.context = browser.new_context(**{"locale": "en-GB", **options})
        self.context.set_default_timeout(60_000)  # beside what else uses the processors
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.errors: list[str] = []

    def open(self, address: str) -> Any:
        """A new tab at an address."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._heard)
        page.goto(address)
        return page

    def _heard(self, said: Any) -> None:
        if said.type == "error":
            self.errors.append(said.text)

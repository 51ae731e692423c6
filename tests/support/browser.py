"""Flower in a real browser: opens every page as an operator does, and keeps all that the browser was given."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.flower import PASSWORD, USER

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response, ViewportSize

_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SIZE: Final[ViewportSize] = {"width": 1370, "height": 880}


def missing() -> str:
    """Return what of a browser this machine lacks, "" if nothing."""
    if find_spec("playwright") is None:
        return "the extra `browser` is not installed"
    return "" if chromium() else "there is no Chromium on the PATH"


def chromium() -> str | None:
    """Return the Chromium of this machine."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass(slots=True)
class Browser:
    """A browser with one page.

    Attributes:
        given: the body of every answer the page got, by URL; those of one URL follow each other.
        strange: what it asked of others than Flower.
    """

    url: str
    page: Page
    given: dict[str, str] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    _answers: list[Response] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("response", lambda answer: self._answers.append(answer))  # noqa: PLW0108 - no builtin will do

    def open(self, path: str, *, until: str = "body") -> str:
        """Open a page, wait for an element, and return everything in it: text, attributes, and what fields hold."""
        self.page.goto(f"{self.url}{path}", wait_until="networkidle")
        self.page.wait_for_selector(until)
        self._keep()
        fields = self.page.eval_on_selector_all("input, textarea", "found => found.map(one => one.value)")
        return "\n".join([self.page.title(), self.page.content(), self.page.inner_text("body"), *fields])

    def rows(self) -> dict[str, list[str]]:
        """Return the cells of the page's table of tasks by the id of the task, which is the second."""
        found: list[list[str]] = self.page.eval_on_selector_all(
            "table tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
        )
        return {cells[1]: cells for cells in found if len(cells) > 1}

    def picture(self, file: Path) -> None:
        """Keep a picture of the window."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(file), scale="css")

    def _keep(self) -> None:
        """Keep the answers so far; none can be read while its event is handled."""
        while self._answers:
            answer = self._answers.pop(0)
            if not answer.url.startswith(self.url):
                self.strange.append(answer.url)
            elif "/static/" not in answer.url:
                self.given[answer.url] = self.given.get(answer.url, "") + answer.text()


@contextmanager
def browsing(url: str) -> Iterator[Browser]:
    """Run a browser that knows Flower's password, with a profile of its own."""
    # Here and not above: only the extra `browser` brings it.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium(), headless=True, args=list(_FLAGS))
        context = program.new_context(
            viewport=_SIZE,
            http_credentials={"username": USER, "password": PASSWORD},
            color_scheme="light",
        )
        try:
            yield Browser(url, context.new_page())
        finally:
            context.close()
            program.close()

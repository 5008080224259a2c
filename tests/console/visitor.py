"""A visitor of the console: a page in a real browser, with what it logged and whom it called."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, async_playwright, expect

PICTURES = Path(__file__).parents[2] / "docs/console"
WIDE, NARROW = 1280, 360
HEIGHT = 800
PATIENCE_MS = 60_000
"""For what the page shows on a busy machine."""
AFTER_A_KILL_MS = 240_000
"""A killed worker's work goes to another one after a timeout of up to a minute."""
expect.set_options(timeout=PATIENCE_MS)


def chromium() -> str | None:
    """The browser's program: `CHROMIUM`, or one on the PATH."""
    on_path = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return os.environ.get("CHROMIUM") or next(on_path, None)


@asynccontextmanager
async def running_chromium(program: str) -> AsyncIterator[Browser]:
    """Chromium, without a window."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root has none
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=sandbox)
        yield browser
        await browser.close()


@dataclass
class Visitor:
    """`page`, opened at `url`, which may also call `supervisor`. What must not happen is collected: see `check`."""

    page: Page
    url: str
    supervisor: str | None = None
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @classmethod
    async def of(cls, browser: Browser, url: str, supervisor: str | None = None) -> Self:
        context = await browser.new_context(viewport={"width": WIDE, "height": HEIGHT}, color_scheme="light")
        context.set_default_timeout(PATIENCE_MS)
        visitor = cls(await context.new_page(), url, supervisor)
        visitor.page.on("console", visitor._logged)
        visitor.page.on("pageerror", lambda error: visitor.errors.append(str(error)))
        visitor.page.on("request", visitor._requested)
        return visitor

    def _logged(self, message: ConsoleMessage) -> None:
        # The browser itself logs each answer that is no success; whether the page copes with it is what tests see.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def _requested(self, request: Request) -> None:
        ours = {urlsplit(each).netloc for each in (self.url, self.supervisor) if each}
        if urlsplit(request.url).netloc not in ours and not request.url.startswith("data:"):
            self.elsewhere.append(request.url)

    async def go(self, address: str = "overview") -> None:
        """Open a page of the console, such as `trips/trip12`, and wait until it is there."""
        await self.page.goto(f"{self.url}/console#/{address}")
        name = re.split("[/?]", address)[0]
        await expect(self.page.locator(f'.page[data-page="{name}"]')).to_be_attached()

    def text(self, words: str) -> Locator:
        return self.page.get_by_text(words)

    async def check(self) -> None:
        """Nothing went wrong, no other host was called, and everyone can use the page: light, dark, and 360 px wide."""
        for theme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            found = await Axe().run(self.page)
            assert found.violations_count == 0, f"{theme}: {found.generate_report()}"
        await self.page.set_viewport_size({"width": NARROW, "height": HEIGHT})
        wide = await self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= NARROW, f"the page is {wide} px wide in a window of {NARROW}"
        await self.page.set_viewport_size({"width": WIDE, "height": HEIGHT})
        await self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        assert self.errors == []
        assert self.elsewhere == []

    async def picture(self, name: str) -> None:
        """Write the page's pictures to docs/console, light, dark and narrow, if `CONSOLE_PICTURES` asks for them."""
        if not os.environ.get("CONSOLE_PICTURES"):
            return
        await self.page.evaluate("scrollTo(0, 0)")
        for theme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            await self.page.screenshot(path=PICTURES / f"{name}-{theme}.png")
        await self.page.set_viewport_size({"width": NARROW, "height": HEIGHT})
        await self.page.screenshot(path=PICTURES / f"{name}-narrow.png")
        await self.page.set_viewport_size({"width": WIDE, "height": HEIGHT})
        await self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")

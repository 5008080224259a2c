"""A browser, and visitors of the console of the stack that tests share."""

import subprocess
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from devstack.stack import Stack
from tests.console.visitor import Visitor, chromium, running_chromium


@pytest.fixture(scope="session")
def program() -> str:
    """Chromium's program. It is the machine's own: Playwright's browsers are not downloaded."""
    found = chromium()
    if found is None:
        pytest.skip("the console is tested in Chromium, which is missing: apt-get install chromium, or set CHROMIUM")
    subprocess.run([found, "--version"], check=True, capture_output=True)  # one that cannot run says so here
    return found


@pytest.fixture(scope="session")
async def browser(program: str) -> AsyncIterator[Browser]:
    async with running_chromium(program) as browser:
        yield browser


@pytest.fixture
async def visitor(browser: Browser, stack: Stack) -> AsyncIterator[Visitor]:
    visitor = await Visitor.of(browser, stack.gateway_url)
    yield visitor
    await visitor.page.context.close()

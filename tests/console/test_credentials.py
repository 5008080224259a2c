"""A gateway that asks for credentials, and a visitor who has some."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from infra.settings import Settings
from tests.api.http.running import HOST, SETTINGS, port_of, serving
from tests.api.security.gateways import application, write_keys
from tests.console.visitor import Visitor


@dataclass
class Guest(Visitor):
    """A visitor of a gateway that asks for credentials."""

    def __post_init__(self) -> None:
        self.dialog = self.page.get_by_role("dialog")

    async def enter(self, key: str) -> None:
        await self.page.get_by_label("API key or token").fill(key)
        await self.page.keyboard.press("Enter")


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    return write_keys(tmp_path / "keys.json", {role: {"roles": [role]} for role in ("operator", "caller")})


@pytest.fixture
async def guest(browser: Browser, keys: dict[str, str], tmp_path: Path) -> AsyncIterator[Guest]:
    settings = Settings(api_keys_file=tmp_path / "keys.json")
    async with serving(application(settings), SETTINGS) as running:
        guest = await Guest.of(browser, f"http://{HOST}:{port_of(running)}")
        yield guest
        await guest.page.context.close()


async def test_the_page_asks_once_and_keeps_the_key_in_the_tab(guest: Guest, keys: dict[str, str]) -> None:
    await guest.go()
    await expect(guest.dialog).to_have_count(1)
    await guest.check()

    await guest.enter(keys["operator"])

    await expect(guest.text("There are none yet: nothing was sent.")).to_be_visible()
    await guest.page.reload()
    await expect(guest.text("There are none yet: nothing was sent.")).to_be_visible()
    assert await guest.page.evaluate("Object.values(sessionStorage)") == [keys["operator"]]
    assert keys["operator"] not in await guest.page.evaluate("document.cookie + JSON.stringify(localStorage)")


async def test_a_key_that_does_not_count_is_asked_for_again_with_the_reason(guest: Guest, keys: dict[str, str]) -> None:
    await guest.go()

    await guest.enter("dpk_wrong")

    await expect(guest.dialog.get_by_role("alert")).to_have_text("The credential is not an API key.")
    await guest.enter(keys["operator"])
    await expect(guest.text("There are none yet: nothing was sent.")).to_be_visible()


async def test_a_missing_role_is_a_sentence_and_other_credentials_can_be_entered(
    guest: Guest, keys: dict[str, str]
) -> None:
    await guest.go()
    await guest.enter(keys["caller"])

    refusal = guest.page.get_by_role("alert").filter(has_text="This needs the role operator")
    await expect(refusal.first).to_be_visible()
    await guest.check()

    await guest.page.get_by_role("button", name="Use other credentials").first.click()
    await guest.enter(keys["operator"])
    await expect(guest.text("There are none yet: nothing was sent.")).to_be_visible()


async def test_a_visitor_who_enters_nothing_can_do_so_later(guest: Guest, keys: dict[str, str]) -> None:
    await guest.go()
    await guest.dialog.get_by_role("button", name="Cancel").click()

    await expect(guest.text("The gateway asks for credentials, and none were entered.").first).to_be_visible()
    await guest.page.get_by_role("button", name="Use other credentials").first.click()
    await guest.enter(keys["operator"])
    await expect(guest.text("There are none yet: nothing was sent.")).to_be_visible()


async def test_the_command_shows_no_key(guest: Guest, keys: dict[str, str]) -> None:
    await guest.go("trips")
    await guest.enter(keys["operator"])
    await guest.page.reload()

    await guest.page.get_by_text("The same with curl").click()

    command = guest.page.get_by_label("The same with curl")
    await expect(command).to_contain_text('-H "Authorization: Bearer $PATTERNS_KEY"')
    await expect(command).not_to_contain_text("dpk_")

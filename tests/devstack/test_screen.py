"""What `make up` says about where to look."""

import io
from pathlib import Path

from devstack.screen import Screen
from devstack.stack import Stack


def printed(stack: Stack) -> str:
    out = io.StringIO()
    Screen(out).show(stack)
    return out.getvalue()


def test_the_console_comes_first(stack: Stack) -> None:
    lines = printed(stack).splitlines()
    assert lines[0].startswith("The stack is up: open its console.")
    assert f"{stack.gateway_url}/console" in lines[2]


async def test_a_console_that_is_switched_off_has_no_address(tmp_path: Path) -> None:
    async with Stack.on_free_ports(tmp_path, {"CONSOLE": "off"}, lambda name, line: None) as stack:
        text = printed(stack)
    assert f"{stack.gateway_url}/console" not in text
    assert "open its console" not in text
    assert "off (CONSOLE)" in text

"""The command line, run in this process against a running stack, or against another gateway."""

import asyncio
import io

import pytest

from cli.app import main
from devstack.stack import Stack
from tests.cli.running import Ended, Run


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `./patterns` with these words, for the gateway that PATTERNS_URL names."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr("sys.stdin", io.StringIO())  # who is asked says nothing

    async def run(*words: str) -> Ended:
        capsys.readouterr()
        code = await asyncio.to_thread(main, words)
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def patterns(stack: Stack, command: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `./patterns` with these words, for the stack."""
    monkeypatch.setenv("PATTERNS_URL", stack.gateway_url)
    return command

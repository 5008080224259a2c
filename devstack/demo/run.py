"""Starts a stack for the demo, plays the scenes on it, and stops it."""

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import IO

from devstack.demo.narrator import Narrator
from devstack.demo.play import open_stage, play
from devstack.demo.scenes import SCENES, SETTINGS
from devstack.errors import StackError
from devstack.interrupts import until_interrupted
from devstack.stack import Stack


class Demo:
    """Plays the scenes on `stack`, and remembers whether all passed."""

    def __init__(self, stack: Stack, narrator: Narrator, *, keep: bool) -> None:
        self._stack = stack
        self._narrator = narrator
        self._keep = keep
        self.passed = False

    async def run(self) -> None:
        """Raises `ChildFailed` when a process of the stack fails."""
        async with self._stack as stack:
            self._narrator.say(f"The stack is up. {_console(stack)}Web UI: {stack.web_ui_url}")
            self._narrator.say(self._about_links(), "dim")
            async with open_stage(stack, self._narrator) as stage:
                self.passed = await stack.processes.while_alive(play(SCENES, stage, self._narrator))
            if self._keep:
                self._narrator.say(f"The stack stays up until Ctrl-C. {_console(stack)}")
                await stack.keep_running()

    def _about_links(self) -> str:
        if self._keep:
            return "The Web UI links work until Ctrl-C."
        return "The Web UI links stop working when the demo ends; with --keep they work until Ctrl-C."


async def demo(*, keep: bool) -> int:
    """Return 0 only if every scene passed."""
    narrator = Narrator(sys.stdout)
    with (
        tempfile.TemporaryDirectory(prefix="durable-patterns-") as data,
        tempfile.NamedTemporaryFile("w", prefix="durable-patterns-", suffix=".log", delete=False) as log,
    ):
        narrator.say(f"Starting the stack on free ports. The log of its processes: {log.name}")
        try:
            stack = Stack.on_free_ports(Path(data), SETTINGS, partial(_write, log.file), crash_button=keep)
            performance = Demo(stack, narrator, keep=keep)
            await until_interrupted(performance.run(), stack.processes.kill_all)
        except StackError as error:
            print(error, file=sys.stderr)
            return 1
        narrator.say("The stack is stopped.")
    return 0 if performance.passed else 1


def _console(stack: Stack) -> str:
    return f"Console: {stack.console_url}  " if stack.console_url else ""


def _write(log: IO[str], name: str, line: str) -> None:
    log.write(f"{name:<8} | {line}\n")
    log.flush()

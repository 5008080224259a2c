"""Why the stack does not run.

StackError
├── CannotStart   refused before anything was started
└── ChildFailed
    ├── ChildDied         ended by itself
    ├── ChildKeepsDying   was started again and again, and ended each time
    └── ChildNotReady     runs, but does not answer in time
"""

from collections.abc import Sequence
from datetime import timedelta


class StackError(Exception):
    """The stack does not run. The message is for the person who started it."""


class CannotStart(StackError):
    """Something is missing or in use; nothing was started."""


class ChildFailed(StackError):
    """One process of the stack failed. `last_lines` is the end of its output."""

    def __init__(self, what: str, last_lines: Sequence[str]) -> None:
        super().__init__("\n".join([what, *(f"    {line}" for line in last_lines)]))
        self.last_lines = list(last_lines)


class ChildDied(ChildFailed):
    """A process ended by itself. A negative exit code is the number of a signal."""

    def __init__(self, name: str, exit_code: int, last_lines: Sequence[str]) -> None:
        super().__init__(f"{name} ended by itself with exit code {exit_code}. Its last lines:", last_lines)
        self.name = name
        self.exit_code = exit_code


class ChildKeepsDying(ChildFailed):
    """A process ended by itself so often that starting it once more would not help."""

    def __init__(self, last: ChildDied, ends: int, within: timedelta) -> None:
        what = (
            f"{last.name} ended by itself {ends} times within {within.total_seconds():g} s, so the stack is stopped. "
            f"Its last exit code: {last.exit_code}. Its last lines:"
        )
        super().__init__(what, last.last_lines)


class ChildNotReady(ChildFailed):
    """A process runs, but was not ready in time."""

    def __init__(self, name: str, within: timedelta, last_lines: Sequence[str]) -> None:
        super().__init__(f"{name} was not ready within {within.total_seconds():g} s. Its last lines:", last_lines)
        self.name = name

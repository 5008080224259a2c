"""The tests that need no server, for every save and every commit: `make quick`.

`pytest -p tests.quick` begins every test, and skips it as soon as it, or one of its fixtures, starts a process or a
Temporal server, or binds a socket: to listen on it, or to choose a free port for a server. No list says which tests are
quick, so a new test that needs a server is left out by itself. `NOT_IMPORTED` is what takes long even to collect.
"""

import gc
import sys
from collections.abc import Generator
from pathlib import Path
from socket import socket
from typing import NoReturn

import pytest
from hypothesis import settings
from temporalio.bridge.testing import EphemeralServer

from infra import gc_tuning
from tests.conftest import FOUND

REASON = "starts a process or a server"
EXAMPLES = 10
"""How many of them a property is tried with; in `make test` a hundred."""
NOT_IMPORTED = "test_openapi.py"
"""Each of its tests needs the stack, and importing schemathesis takes as long as a hundred tests."""
EVENTS = {
    "socket.bind",
    "subprocess.Popen",
    "os.posix_spawn",
    "os.fork",
    "os.forkpty",
    "os.exec",
    "os.system",
}
"""What starts a process or, as `bind` does, precedes listening (https://docs.python.org/3/library/audit_events.html)."""


class Refusals:
    """Refuses each process and each server, and remembers for each test whether it asked for one."""

    def __init__(self) -> None:
        self._item: pytest.Item | None = None
        self._refused: set[pytest.Item] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._item = item
        try:
            return (yield)
        finally:
            self._item = None
            self._refused.discard(item)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A test may swallow the refusal, for example in a task. Without its server it has tested nothing."""
        report = yield
        if item in self._refused and (report.failed or (report.passed and report.when == "call")):
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, f"Skipped: {REASON}")
        return report

    def on_audit_event(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in EVENTS and self._item is not None:
            for opened in arguments:
                if isinstance(opened, socket):
                    opened.close()  # whoever opened it does so for an `OSError` only
            self._refuse(self._item)

    async def on_temporal_server(self, *_: object) -> None:
        if self._item is not None:
            self._refuse(self._item)

    def _refuse(self, item: pytest.Item) -> NoReturn:
        self._refused.add(item)
        pytest.skip(REASON)


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until all is collected, which leaves no garbage
    settings.register_profile("quick", settings.default, max_examples=EXAMPLES, stateful_step_count=25)
    settings.load_profile("quick")
    config.stash[FOUND] = "the quick tests start no broker"
    refusals = Refusals()
    config.pluginmanager.register(refusals)
    sys.addaudithook(refusals.on_audit_event)
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    for start in ("start_dev_server", "start_test_server"):  # by the SDK's Rust code, which raises no audit event
        patch.setattr(EphemeralServer, start, refusals.on_temporal_server)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    return True if collection_path.name == NOT_IMPORTED else None


def pytest_collection_finish() -> None:
    gc.enable()
    gc_tuning.apply()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.getreports("skipped")
    left_out = sum(1 for report in skipped if REASON in str(report.longrepr))
    terminalreporter.write_line(f"Left out: {left_out} tests that start a process or a server; `make test` runs them.")

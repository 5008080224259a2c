"""`pytest -p tests.forks` runs the tests in several processes: forks of the one that has collected them.

pytest-xdist imports and collects everything once more in each of its processes, which for the quick tests takes nearly
as long as the tests.
"""

import json
import os
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from tempfile import mkstemp

import pytest

PROCESSES_PER_CORE = 2
"""Tests also wait, for threads and for timeouts, and the files that come last are not of one length."""
TOKEN_BYTES = 2
"""Is what the number of a file takes in the pipe from which the processes take files; a pipe has room for 2,000."""


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Forks(), "forks")


class Reports:
    """What happened to the tests of a fork, a line each, on the way to its parent."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._descriptor, path = mkstemp()
        Path(path).unlink()
        self._read = 0
        self.captured_by_parent: object = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        os.write(self._descriptor, json.dumps(data).encode() + b"\n")

    def relay(self) -> None:
        """Report in this process what has come since the last time."""
        written = os.pread(self._descriptor, os.fstat(self._descriptor).st_size - self._read, self._read)
        whole = written[: written.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            report = self._config.hook.pytest_report_from_serializable(config=self._config, data=json.loads(line))
            if isinstance(report.longrepr, list):
                report.longrepr = tuple(report.longrepr)  # where and why a test was skipped
            self._config.hook.pytest_runtest_logreport(report=report)

    def close(self) -> None:
        os.close(self._descriptor)


class Forks:
    """Each process takes the next file when it has run one: files take from a millisecond to seconds."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        processes = PROCESSES_PER_CORE * (os.cpu_count() or 1)
        if session.config.option.collectonly or session.testsfailed or session.config.option.usepdb:
            return None
        files = [list(items) for _, items in groupby(session.items, key=lambda item: item.path)]
        queue, entrance = os.pipe()
        os.write(entrance, b"".join(number.to_bytes(TOKEN_BYTES) for number in range(len(files))))
        os.close(entrance)
        session.config.add_cleanup(lambda: os.close(queue))
        forks = dict(self._fork(session, files, queue) for _ in range(processes - 1))
        for _ in run(session, take(files, queue)):
            for reports in forks.values():
                reports.relay()
        for pid, reports in forks.items():
            _, status = os.waitpid(pid, 0)  # the tests of a fork have their own time limits
            reports.relay()
            reports.close()
            if status:
                raise session.Failed(f"A test process ended with {os.waitstatus_to_exitcode(status)}.")
        return True

    def _fork(self, session: pytest.Session, files: list[list[pytest.Item]], queue: int) -> tuple[int, Reports]:
        reports = Reports(session.config)
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return pid, reports
        exit_code = 1
        try:
            report_to(reports, session.config)
            for _ in run(session, take(files, queue)):
                pass
            exit_code = 0
        finally:
            os._exit(exit_code)


def report_to(reports: Reports, config: pytest.Config) -> None:
    """Leave the terminal to the parent, and capture output into files of this process.

    The parent's files stay open: modules that were imported when they were `sys.stdout` may have kept that.
    """
    capture = config.pluginmanager.getplugin("capturemanager")
    reports.captured_by_parent, capture._global_capturing = capture._global_capturing, None
    capture.start_global_capturing()
    config.pluginmanager.unregister(config.pluginmanager.getplugin("terminalreporter"))
    config.pluginmanager.register(reports)


def take(files: list[list[pytest.Item]], queue: int) -> Iterator[pytest.Item]:
    while token := os.read(queue, TOKEN_BYTES):
        yield from files[int.from_bytes(token)]


def run(session: pytest.Session, items: Iterator[pytest.Item]) -> Iterator[None]:
    """Run them; stop after the first failures where that is asked for (`-x`)."""
    item = next(items, None)
    while item and not (session.shouldfail or session.shouldstop):
        following = next(items, None)
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        yield
        item = following

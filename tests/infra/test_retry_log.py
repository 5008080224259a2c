"""How often a failure that repeats is logged."""

import logging

import pytest

from infra.retry_log import RetryLog

log = logging.getLogger("test-retry-log")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def retries(clock: Clock) -> RetryLog:
    return RetryLog(log, "orders: writing dead letters", clock)


def fail(retries: RetryLog, clock: Clock, *, seconds: float, error: Exception | None = None) -> None:
    """Fail ten times a second."""
    for _ in range(int(seconds * 10)):
        retries.failed(error or ConnectionError("no broker"))
        clock.now += 0.1


def test_twenty_minutes_of_the_same_failure_are_a_few_lines(
    retries: RetryLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    fail(retries, clock, seconds=1_200)
    assert caplog.messages[0] == "orders: writing dead letters fails and is retried: ConnectionError: no broker"
    assert caplog.messages[1].startswith("orders: writing dead letters fails, 101 times in 10 s, and is retried: ")
    assert len(caplog.messages) == 7, "at 0, 10, 30, 70, 150, 310 and 630 s"


def test_another_kind_of_failure_is_logged_at_once_and_once(
    retries: RetryLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(40):
        fail(retries, clock, seconds=0.1)
        fail(retries, clock, seconds=0.1, error=PermissionError("not allowed"))
    assert [line.split(": ")[-2] for line in caplog.messages] == ["ConnectionError", "PermissionError"]


def test_the_end_of_the_trouble_is_logged_once(
    retries: RetryLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    retries.worked()
    fail(retries, clock, seconds=5)
    for _ in range(3):
        retries.worked()
    assert caplog.messages[1:] == ["orders: writing dead letters works again after 5 s"]


def test_what_fails_and_works_in_turns_is_a_few_lines_too(
    retries: RetryLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(600):
        fail(retries, clock, seconds=0.5)
        retries.worked()
        clock.now += 0.5
    assert len(caplog.messages) < 15


def test_a_new_trouble_is_logged_at_once(retries: RetryLog, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    fail(retries, clock, seconds=1)
    retries.worked()
    clock.now += 60
    fail(retries, clock, seconds=1)
    assert len(caplog.messages) == 3

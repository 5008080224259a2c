"""What a failed call to Temporal means to a client."""

import pytest
from temporalio.service import RPCError, RPCStatusCode

from api.problems import temporal_problem


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (RPCStatusCode.UNAVAILABLE, "tcp connect error"),
        (RPCStatusCode.DEADLINE_EXCEEDED, "context deadline exceeded"),
        (RPCStatusCode.RESOURCE_EXHAUSTED, "namespace rate limit exceeded"),
        (RPCStatusCode.CANCELLED, "Timeout expired"),
        (RPCStatusCode.UNKNOWN, "transport error"),
        (RPCStatusCode.FAILED_PRECONDITION, "no poller seen for task queue recently, worker may be down"),
    ],
)
def test_what_may_pass_asks_to_try_again(status: RPCStatusCode, message: str) -> None:
    problem = temporal_problem(RPCError(message, status, b""))
    assert (problem.status, problem.type) == (503, "temporal-unavailable")
    assert int(problem.headers["Retry-After"]) > 0


@pytest.mark.parametrize("status", [RPCStatusCode.UNKNOWN, RPCStatusCode.INVALID_ARGUMENT])
def test_what_will_not_pass_is_a_fault_of_ours_and_keeps_its_words_to_itself(status: RPCStatusCode) -> None:
    problem = temporal_problem(RPCError("a secret", status, b""))
    assert problem.status == 500
    assert "secret" not in problem.detail

"""What a failed call to Temporal means to a client."""

import pytest
from temporalio.service import RPCError, RPCStatusCode

from api.problems import temporal_problem


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("connection refused", RPCStatusCode.UNAVAILABLE),
        ("context deadline exceeded", RPCStatusCode.DEADLINE_EXCEEDED),
        ("namespace rate limit exceeded", RPCStatusCode.RESOURCE_EXHAUSTED),
        ("Timeout expired", RPCStatusCode.CANCELLED),
        ("h2 protocol error: http2 error", RPCStatusCode.CANCELLED),
    ],
)
def test_a_temporal_that_does_not_answer_in_time_is_a_reason_to_try_again(message: str, status: RPCStatusCode) -> None:
    problem = temporal_problem(RPCError(message, status, b""))
    assert problem.status == 503
    assert problem.headers["Retry-After"]


def test_a_call_that_temporal_refuses_for_good_is_our_fault() -> None:
    assert temporal_problem(RPCError("permission denied", RPCStatusCode.PERMISSION_DENIED, b"")).status == 500

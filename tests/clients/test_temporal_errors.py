"""How Temporal's errors are read."""

import pytest
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal_errors import is_refusal, is_unavailable


@pytest.mark.parametrize(
    ("status", "message", "final"),
    [
        (RPCStatusCode.INVALID_ARGUMENT, "Blob data size exceeds limit.", True),
        (RPCStatusCode.INVALID_ARGUMENT, "exceeded workflow execution limit for signal events", False),
        (RPCStatusCode.INVALID_ARGUMENT, "Namespace default has no mapping defined for search attribute Key", False),
        (RPCStatusCode.UNAVAILABLE, "connection refused", False),
        (RPCStatusCode.RESOURCE_EXHAUSTED, "namespace rate limit exceeded", False),
        (RPCStatusCode.PERMISSION_DENIED, "Request unauthorized.", False),
    ],
)
def test_only_an_error_that_each_retry_would_get_too_is_a_refusal(
    status: RPCStatusCode, message: str, final: bool
) -> None:
    assert is_refusal(RPCError(message, status, b"")) is final


@pytest.mark.parametrize(
    ("status", "message", "repeatable"),
    [
        # An update met another event: the server gives it up with the workflow task that had it.
        (
            RPCStatusCode.FAILED_PRECONDITION,
            "Unable to perform workflow execution update due to unexpected workflow task failure.",
            True,
        ),
        (RPCStatusCode.FAILED_PRECONDITION, "Cannot perform workflow execution update: it has completed.", False),
        (RPCStatusCode.UNKNOWN, "transport error", True),
        (RPCStatusCode.INVALID_ARGUMENT, "Blob data size exceeds limit.", False),
    ],
)
def test_a_call_of_which_nothing_came_can_be_repeated(status: RPCStatusCode, message: str, repeatable: bool) -> None:
    assert is_unavailable(RPCError(message, status, b"")) is repeatable

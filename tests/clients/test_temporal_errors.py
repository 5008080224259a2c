"""How Temporal's errors are read."""

import pytest
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal_errors import is_refusal


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

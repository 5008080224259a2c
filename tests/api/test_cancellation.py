"""What Temporal answers when a standalone activity is cancelled twice, or too late."""

from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio.service import RPCError, RPCStatusCode

from api.invocation import cancel_activity
from api.problems import Problem


class Refusing:
    """A handle whose cancellation Temporal refuses."""

    def __init__(self, message: str, status: RPCStatusCode) -> None:
        self.refusal = RPCError(message, status, b"")

    async def cancel(self, *, rpc_timeout: timedelta) -> None:
        raise self.refusal


async def test_a_second_request_is_no_error() -> None:
    said = "cancellation already requested with request ID 8694d612-6d3d-4333-8765-167f56b74c46"
    await cancel_activity(cast(Any, Refusing(said, RPCStatusCode.FAILED_PRECONDITION)))


async def test_a_request_that_comes_too_late_is_a_conflict() -> None:
    with pytest.raises(Problem, match="nothing to cancel") as caught:
        await cancel_activity(cast(Any, Refusing("activity completed", RPCStatusCode.FAILED_PRECONDITION)))
    assert caught.value.status == 409


async def test_another_failure_stays_what_it_is() -> None:
    with pytest.raises(RPCError):
        await cancel_activity(cast(Any, Refusing("away", RPCStatusCode.UNAVAILABLE)))

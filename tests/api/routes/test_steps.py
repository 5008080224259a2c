"""How steps run is a gateway's setting, which is written into what it starts."""

from typing import Any

import pytest
from fastapi import APIRouter
from temporalio.service import RPCError, RPCStatusCode

from api.gateway import Gateway
from api.routes import booking, package_tracker, payment_tracker, user_feed
from domain.steps import StepMode
from infra.settings import Settings
from tests.api.security.gateways import EmptyTemporal, application, client_of
from tests.api.test_idempotency import EVENT, LOCATION, POST, TRIP


class RecordingTemporal(EmptyTemporal):
    """Remembers the argument and the memo of each workflow that it was to start."""

    def __init__(self) -> None:
        super().__init__()
        self.arguments: list[Any] = []
        self.memos: list[Any] = []

    async def start_workflow(self, *called: Any, id: str, memo: Any = None, **__: Any) -> None:
        self.asked.append(id)
        self.arguments.append(called[1])
        self.memos.append(memo)
        raise RPCError("unavailable", RPCStatusCode.UNAVAILABLE, b"")


def entities_and_trips(gateway: Gateway) -> list[APIRouter]:
    return [each.routes(gateway).router for each in (booking, payment_tracker, user_feed, package_tracker)]


async def started(steps: StepMode, path: str, body: dict[str, Any]) -> RecordingTemporal:
    temporal = RecordingTemporal()
    async with client_of(application(Settings(steps=steps), temporal, entities_and_trips)) as http:
        answer = await http.post(f"{path}/send", json=body)
    assert answer.status_code == 503
    return temporal


@pytest.mark.parametrize("steps", StepMode)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/BookingWorkflow/trip1/run", TRIP),
        ("/PaymentTracker/invoice1/onPaymentFailure", EVENT),
        ("/UserFeed/user1/processPost", POST),
    ],
)
async def test_the_input_of_a_workflow_has_the_mode(steps: StepMode, path: str, body: dict[str, Any]) -> None:
    [argument] = (await started(steps, path, body)).arguments
    assert argument.model_dump(mode="json")["steps"] == steps


async def test_a_package_has_no_steps() -> None:
    [argument] = (await started(StepMode.LOCAL, "/PackageTracker/package1/updateLocation", LOCATION)).arguments
    assert "steps" not in argument.model_dump()


async def test_a_trip_is_the_same_request_in_either_mode() -> None:
    """A call that is repeated after the setting was changed gets the first outcome, and no 409."""
    memos = [(await started(steps, "/BookingWorkflow/trip1/run", TRIP)).memos for steps in StepMode]
    assert memos[0] == memos[1]

"""A compensation that keeps failing, as an operator sees it over HTTP."""

import asyncio
import uuid
from typing import Any

import httpx2
import pytest
from temporalio.client import Client

from devstack.stack import Stack
from tests.eventually import eventually

NO_RETURN = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "NO-RETURN", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4111111111111111", "amount": 1500},
}
COMPENSATIONS = ["refund payment", "cancel car", "cancel flight"]


async def test_a_stuck_compensation_is_shown_resolved_by_hand_and_reported(
    http: httpx2.AsyncClient, stack: Stack
) -> None:
    trip = f"trip-{uuid.uuid4().hex[:8]}"
    path = f"/BookingWorkflow/{trip}"
    waiting = asyncio.create_task(http.post(f"{path}/run", json=NO_RETURN))

    async def stuck() -> dict[str, Any] | None:
        answer = await http.get(path)
        known: dict[str, Any] = answer.json()
        statuses = [each["status"] for each in known.get("compensations", [])]
        return known if statuses == ["DONE", "STUCK", "DONE"] else None

    async def listed() -> bool:
        query = 'PatternStatus = "COMPENSATION_STUCK"'
        return f"booking:{trip}" in [found.id async for found in client.list_workflows(query)]

    state = await eventually(stuck)
    assert state
    assert state["status"] == "COMPENSATION_STUCK"
    assert [each["name"] for each in state["compensations"]] == COMPENSATIONS
    assert "does not cancel" in state["compensations"][1]["note"]
    client = await Client.connect(stack.temporal_address)
    await eventually(listed)

    again = await http.post(f"{path}/resolveCompensation", json={"compensation": "cancel car", "retry": True})
    assert again.status_code == 200, again.text
    await eventually(stuck)
    other = await http.post(f"{path}/resolveCompensation", json={"compensation": "cancel flight", "note": "?"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:problem:not-stuck")
    resolution = {"compensation": "cancel car", "note": "phoned the station"}
    assert (await http.post(f"{path}/resolveCompensation", json=resolution)).status_code == 200

    outcome = await waiting
    assert (outcome.status_code, outcome.json()["type"]) == (409, "urn:problem:trip-failed")
    assert outcome.json()["compensations"] == [
        {"name": "refund payment", "status": "DONE", "note": ""},
        {"name": "cancel car", "status": "RESOLVED", "note": "phoned the station"},
        {"name": "cancel flight", "status": "DONE", "note": ""},
    ]
    assert (await http.get(path)).json()["status"] == "FAILED"


@pytest.mark.parametrize(
    "decision", [{}, {"retry": False}, {"note": ""}, {"note": " \n"}, {"retry": False, "note": ""}]
)
async def test_a_compensation_is_not_resolved_without_a_decision(
    http: httpx2.AsyncClient, decision: dict[str, Any]
) -> None:
    body = {"compensation": "cancel car", **decision}
    response = await http.post("/BookingWorkflow/undecided/resolveCompensation", json=body)
    assert (response.status_code, response.json()["type"]) == (422, "urn:problem:invalid-body")
    detail = response.json()["detail"]
    assert "`retry`" in detail
    assert "`note`" in detail

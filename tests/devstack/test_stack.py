"""The whole stack, with workers and gateway."""

import os
from pathlib import Path

import httpx2
import pytest

from devstack.stack import Stack

TRIP = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
}


def ignore(name: str, line: str) -> None: ...


async def test_a_second_start_finds_the_state_of_the_first(tmp_path: Path) -> None:
    async with (
        Stack.on_free_ports(tmp_path, {}, ignore) as stack,
        httpx2.AsyncClient(base_url=stack.gateway_url, timeout=30) as gateway,
    ):
        booked = await gateway.post("/BookingWorkflow/trip1/run", json=TRIP)
        assert booked.status_code == httpx2.codes.OK, booked.text
        pids = stack.processes.pids()
        assert list(pids) == ["temporal", "broker", "workers", "gateway"]
    for pid in pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    async with (
        Stack.on_free_ports(tmp_path, {}, ignore) as stack,
        httpx2.AsyncClient(base_url=stack.gateway_url, timeout=30) as gateway,
    ):
        again = await gateway.post("/BookingWorkflow/trip1/run", json=TRIP)
        assert again.json() == booked.json()


async def test_a_call_outlives_the_workers(tmp_path: Path) -> None:
    async with (
        Stack.on_free_ports(tmp_path, {}, ignore) as stack,
        httpx2.AsyncClient(base_url=stack.gateway_url, timeout=30) as gateway,
    ):
        await stack.processes.kill("workers")
        sent = await gateway.post("/BookingWorkflow/trip1/run/send", json=TRIP)
        assert sent.json()["status"] == "Accepted", sent.text
        await stack.processes.start("workers")
        booked = await gateway.get(f"/invocations/{sent.json()['invocationId']}/attach")
        assert booked.json()["tripId"] == "trip1"

"""What is played to measure units: each play takes one step at a time, so that it costs the same on any machine.

A workflow task that finds two events costs less than two tasks. So the next message is sent, and the next activity of a
job ends, once the workflow is idle.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio.client import Client

from domain.steps import StepMode
from infra.payload_keys import KeyRing
from infra.payloads import data_converter
from infra.settings import Settings
from tests.economy.calls import booked_trip, declined_trip, job, task, wide_job
from tests.economy.cost import Costs
from tests.economy.keys import feed, invoice, package, unpaid_invoice


@dataclass(frozen=True)
class Play:
    """`run` returns the costs of one unit or more. `modes` are those in which it costs differently."""

    run: Callable[[Client, StepMode], Awaitable[Costs]]
    modes: tuple[StepMode, ...] = tuple(StepMode)

    @property
    def name(self) -> str:
        return self.run.__name__

    def __str__(self) -> str:
        return self.name


KEYS = KeyRing.parse(f"key:{'01' * 32}", "the tests' keys")


def as_processes_have_it(client: Client) -> Client:
    """The client with the payloads of our processes, which are encrypted."""
    config = client.config()
    config["data_converter"] = data_converter(Settings().max_payload_bytes, KEYS)
    return Client(**config)


ONE = (StepMode.ACTIVITY,)
PLAYS = (
    Play(task, ONE),
    Play(booked_trip),
    Play(declined_trip),
    Play(invoice),
    Play(unpaid_invoice),
    Play(job, ONE),
    Play(wide_job, ONE),
    Play(feed),
    Play(package, ONE),
)

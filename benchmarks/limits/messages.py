"""Sends messages to entities as the ingress does: by signals, without the gateway."""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks.harness.bodies import payment_failure
from benchmarks.harness.stack import BenchmarkStack
from benchmarks.harness.waiting import comes_true
from domain.inbox import Batch, Message
from domain.package_tracker import PackagePlan
from domain.patterns import PAYMENT_TRACKER, Pattern
from domain.payload import Payload
from domain.payment_tracker import PaymentEvent, ReminderPlan
from domain.user_feed import ModerationPlan
from workflows.backpressure import KeyBusy
from workflows.entities import entities
from workflows.entity import Entity

State = dict[str, Any]


def _entities() -> dict[str, Entity]:
    return dict(entities(ReminderPlan(), ModerationPlan(poll_interval=timedelta(seconds=0.1)), PackagePlan()))


@dataclass(frozen=True)
class MessageSender:
    bench: BenchmarkStack
    client: Client
    _entities: dict[str, Entity] = field(default_factory=_entities)
    """By service."""

    async def send(self, pattern: Pattern, key: str, handler: str, bodies: Iterable[Payload]) -> None:
        """Send the bodies in one signal, each as a new message. Repeats until the entity takes it."""
        batch = Batch[Any](messages=[Message[Payload](id=uuid.uuid4().hex, body=body) for body in bodies])
        while True:
            try:
                return await self._entities[pattern.service].send(self.client, key, handler, batch)
            except (KeyBusy, RPCError):
                await asyncio.sleep(0.5)

    async def send_payment_failure(self, invoice: str, number: int) -> None:
        event = PaymentEvent.model_validate(payment_failure(number))
        await self.send(PAYMENT_TRACKER, invoice, "onPaymentFailure", [event])

    async def state_when(self, path: str, condition: Callable[[State], bool]) -> State:
        """The gateway's first answer that fulfils the condition; the last one if none does in time."""
        state: State = {}

        async def is_fulfilled() -> bool:
            nonlocal state
            answer = await self.bench.http.get(path)
            state = answer.json()
            return answer.is_success and condition(state)

        await comes_true(is_fulfilled)
        return state


def new_key() -> str:
    return f"limit-{uuid.uuid4().hex[:8]}"

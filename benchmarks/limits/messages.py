"""Sends messages to entities as the ingress does: by signals, without the gateway."""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks.harness.bodies import payment_failure
from benchmarks.harness.stack import BenchmarkStack
from benchmarks.harness.waiting import comes_true
from clients.backpressure import KeyBusy
from clients.entities import EntityClient
from domain.inbox import Batch, Message
from domain.invoice import PaymentEvent, ReminderPlan
from domain.pattern import Entity
from domain.payload import Payload
from domain.payment_tracker import PAYMENT_TRACKER
from domain.plans import Plans
from domain.user_feed import ModerationPlan

State = dict[str, Any]
PLANS = Plans(
    reminders=ReminderPlan(min_interval=timedelta(0)),
    moderation=ModerationPlan(poll_interval=timedelta(seconds=0.1)),
)


@dataclass(frozen=True)
class MessageSender:
    bench: BenchmarkStack
    client: Client

    @cached_property
    def _entities(self) -> EntityClient:
        return EntityClient(self.client, PLANS)

    async def send(self, entity: Entity, key: str, handler: str, bodies: Iterable[Payload]) -> None:
        """Send the bodies in one signal, each as a new message. Repeats until the entity takes it."""
        batch = Batch[Any](messages=[Message[Payload](id=uuid.uuid4().hex, body=body) for body in bodies])
        while True:
            try:
                return await self._entities.send(entity, key, handler, batch)
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

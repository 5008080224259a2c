"""One key of an entity service, with messages sent as the gateway and the ingress send them."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker

from clients.backpressure import KeyBusy
from clients.entities import RECEIPTS_QUERY, EntityClient
from domain.inbox import Batch, Message, Receipt, ReceiptStatus
from domain.pattern import Entity
from domain.payload import Payload
from domain.plans import Plans
from tests.eventually import eventually
from tests.histories import assert_clean, until_idle
from workers.activity_methods import activity_methods

T = TypeVar("T")


@dataclass
class EntityKey:
    client: Client
    entity: Entity
    name: str = field(default_factory=lambda: f"key-{uuid.uuid4().hex[:8]}")
    plans: Plans = field(default_factory=Plans)

    def __post_init__(self) -> None:
        self.entities = EntityClient(self.client, self.plans)

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """The handle of the latest run."""
        return self.client.get_workflow_handle(self.entity.execution_id(self.name))

    async def send(self, handler: str, *bodies: Payload) -> list[str]:
        """Send messages as the gateway does; return their IDs."""
        messages = [Message[Payload](id=uuid.uuid4().hex, body=body) for body in bodies]
        await self.send_batch(handler, Batch(messages=messages))
        return [message.id for message in messages]

    async def deliver(
        self, handler: str, records: Mapping[int, Payload], source: str = "cluster/topic/epoch-1/0"
    ) -> None:
        """Send records by their offsets, as the Kafka ingress does."""
        messages = [
            Message[Payload](id=f"{source}/{offset}", body=body, offset=offset) for offset, body in records.items()
        ]
        await self.send_batch(handler, Batch(source=source, messages=messages))

    async def send_batch(self, handler: str, batch: Batch[Any]) -> None:
        await self.entities.send(self.entity, self.name, handler, batch)

    async def receipt(self, message_id: str) -> Receipt | None:
        receipts: dict[str, Receipt] = await self.handle.query(
            RECEIPTS_QUERY, [message_id], result_type=dict[str, Receipt]
        )
        return receipts.get(message_id)

    async def answered(self, message_id: str) -> Receipt:
        """The message's receipt, once it is done and no task is under way.

        A query between an activity's end and the next workflow task sees the outcome, but at an earlier time.
        """

        async def finished() -> bool:
            receipt = await self.receipt(message_id)
            return receipt is not None and receipt.status is ReceiptStatus.DONE

        await eventually(finished)
        await until_idle(self.handle)
        receipt = await self.receipt(message_id)
        assert receipt
        return receipt

    async def run_id(self) -> str:
        return (await self.handle.describe()).raw_description.workflow_execution_info.execution.run_id


@asynccontextmanager
async def serving(
    client: Client, entity: Entity, workflow: type, activities: object | None, plans: Plans | None = None
) -> AsyncIterator[EntityKey]:
    """A new key and a worker for it that replays the whole history with every task. None of its tasks may fail."""
    key = EntityKey(client, entity, plans=plans or Plans())
    async with Worker(
        client,
        task_queue=entity.task_queue,
        workflows=[workflow],
        activities=activity_methods(activities) if activities else [],
        max_cached_workflows=0,
    ):
        yield key
        await until_idle(key.handle)
        with suppress(RPCError):
            await key.handle.terminate()
        await assert_clean(key.handle)


async def until_accepted(send: Callable[[], Awaitable[T]]) -> T:
    """Repeat `send` while the key is busy, as the gateway's clients and the Kafka ingress do: on a busy machine
    messages are sent faster than the workflow reads them.
    """

    async def sent() -> tuple[T] | None:
        try:
            return (await send(),)
        except KeyBusy:
            return None

    (result,) = await eventually(sent)
    return result

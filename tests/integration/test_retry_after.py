"""Temporal keeps the pause that the receiver of a task asks for, between two attempts of a standalone activity."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any, cast

from temporalio.worker import Worker

from activities.message_queue import MessageQueueActivities
from api.invokers.invocation import Call, WebUi
from api.invokers.task import TaskInvoker
from devstack.ports import HOST
from domain.message_queue import MESSAGE_QUEUE, Task
from infra.http_sender import HttpSender
from tests.dev_server import dev_server
from tests.eventually import eventually
from tests.receiver import receiving, reply


async def test_the_next_attempt_waits_as_the_receiver_asks() -> None:
    in_ten_minutes = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    async with dev_server({}) as environment, receiving() as receiver:
        sender = HttpSender([f"{HOST}:{receiver.port}"])
        queue = MessageQueueActivities(cast(Any, SimpleNamespace()), sender)
        client = environment.client
        invoker = TaskInvoker(client, WebUi("http://localhost", client.namespace))

        async def pause_after(answer: bytes) -> timedelta:
            receiver.answer = answer
            task = Task(kind="http_request", payload={"url": receiver.url})
            task_id = (await invoker.submit(Call("runTask", task))).invocation_id

            async def has_failed_once() -> timedelta | None:
                return (await invoker.description(task_id)).current_retry_interval

            pause = await eventually(has_failed_once)
            await invoker.cancel(task_id)
            assert pause is not None
            return pause

        async with Worker(client, task_queue=MESSAGE_QUEUE.task_queue, activities=[queue.http_request]):
            assert await pause_after(reply(503, Retry_After="60")) == timedelta(seconds=60)
            assert await pause_after(reply(429, Retry_After="86400")) == timedelta(hours=1)
            until_a_date = await pause_after(reply(503, Retry_After=in_ten_minutes))
            assert timedelta(minutes=1) < until_a_date <= timedelta(minutes=10)
            assert await pause_after(reply(503, Retry_After="soon")) == timedelta(seconds=1)
        await sender.aclose()

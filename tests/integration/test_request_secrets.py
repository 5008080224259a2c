"""The secret of a request goes from the worker's settings to the receiver: not through Temporal, and not into a log."""

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.worker import Worker

from activities.message_queue import MessageQueueActivities
from api.http.problems import Problem
from api.invokers.invocation import Call, WebUi
from api.invokers.task import TaskInvoker
from devstack.ports import HOST
from domain.message_queue import MESSAGE_QUEUE, Task
from infra.http_secrets import HttpSecret
from infra.http_sender import HttpSender
from tests.dev_server import dev_server
from tests.receiver import receiving, reply

TOKEN = "8f14e45fceea167a"


async def test_a_secret_reaches_its_receiver_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with dev_server({}) as environment, receiving() as receiver:
        client = environment.client
        entry = f"{HOST}:{receiver.port}"
        secret = HttpSecret.model_validate({"hosts": [entry], "value": f"Bearer {TOKEN}"})
        sender = HttpSender([entry], secrets={"PARTNER_TOKEN": secret})
        queue = MessageQueueActivities(cast(Any, SimpleNamespace()), sender)
        invoker = TaskInvoker(client, WebUi("http://localhost", client.namespace))

        async def run(answer: bytes, name: str = "PARTNER_TOKEN") -> tuple[str, str]:
            """Run a task; returns its outcome, and all that Temporal has of it."""
            receiver.answer = answer
            payload = {"url": receiver.url, "headers": {"Authorization": {"secret": name}}}
            task = Task.model_validate({"kind": "http_request", "payload": payload, "maxAttempts": 1})
            task_id = (await invoker.submit(Call("runTask", task))).invocation_id
            try:
                outcome = str((await invoker.wait(task_id)).value)
            except Problem as problem:
                outcome = problem.detail
            stored = await client.get_activity_handle(task_id).describe(
                include_input=True, include_last_failure=True, include_outcome=True
            )
            return outcome, f"{stored.raw_info} {stored.raw_input} {stored.raw_outcome}"

        async with Worker(client, task_queue=MESSAGE_QUEUE.task_queue, activities=[queue.http_request]):
            echo = f"your token: {TOKEN}".encode()
            for status, outcome in ((200, "your token: ***"), (404, "answered 404: your token: ***"), (500, "500")):
                said, stored = await run(reply(status, echo))
                assert outcome in said
                assert "PARTNER_TOKEN" in stored
                assert TOKEN not in said + stored
            assert [headers["authorization"] for _, headers, _ in receiver.requests] == [f"Bearer {TOKEN}"] * 3
            said, _ = await run(reply(200), name="OTHER_TOKEN")
            assert "There is no secret OTHER_TOKEN in HTTP_TASK_SECRETS" in said
        await sender.aclose()
    assert TOKEN not in caplog.text

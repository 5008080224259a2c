"""What Temporal is asked when many callers wait for one key, by a client that counts and holds the queries."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from api.invokers.receipts import MAX_MESSAGES, Receipts
from domain.inbox import Receipt, ReceiptStatus
from tests.eventually import eventually

KEY = "user-feed:ann"


Ask = Callable[[str], asyncio.Task[Receipt | None]]


class HeldQueries:
    """A client whose queries wait until they are released, and then answer for every message but `unknown`."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.release = asyncio.Event()
        self.error: RPCError | None = None

    def get_workflow_handle(self, _: str) -> "HeldQueries":
        return self

    async def query(self, _: str, message_ids: list[str], **__: Any) -> dict[str, Any]:
        self.asked.append(message_ids)
        await self.release.wait()
        if self.error:
            raise self.error
        return {i: receipt_of(i).model_dump(mode="json") for i in message_ids if i != "unknown"}


def receipt_of(message_id: str) -> Receipt:
    return Receipt(
        fingerprint=message_id,
        submission="",
        handler="processPost",
        status=ReceiptStatus.QUEUED,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.fixture
def queries() -> HeldQueries:
    return HeldQueries()


@pytest.fixture
def ask(queries: HeldQueries) -> Ask:
    receipts = Receipts(cast(Client, queries))
    return lambda message_id: asyncio.create_task(receipts.of(KEY, message_id))


async def test_callers_of_a_key_share_the_query_that_follows_the_one_on_its_way(queries: HeldQueries, ask: Ask) -> None:
    first = ask("first")
    await eventually(lambda: queries.asked)
    later = [ask(f"later {number}") for number in range(50)] + [ask("later 0"), ask("unknown")]
    for _ in range(10):
        await asyncio.sleep(0)
    assert queries.asked == [["first"]], "one query at a time"
    queries.release.set()
    answers = await asyncio.gather(first, *later)
    assert [answer and answer.fingerprint for answer in answers] == [
        "first", *(f"later {number}" for number in range(50)), "later 0", None,
    ]  # fmt: skip
    assert [len(asked) for asked in queries.asked] == [1, 51]


async def test_one_query_asks_for_a_bounded_number_of_messages(queries: HeldQueries, ask: Ask) -> None:
    queries.release.set()
    await asyncio.gather(*(ask(f"{number}") for number in range(2 * MAX_MESSAGES + 1)))
    assert [len(asked) for asked in queries.asked] == [MAX_MESSAGES, MAX_MESSAGES, 1]


async def test_a_caller_that_stops_waiting_takes_the_answer_from_no_other(queries: HeldQueries, ask: Ask) -> None:
    leaves, stays = ask("a"), ask("b")
    await eventually(lambda: queries.asked)
    leaves.cancel()
    queries.release.set()
    answer = await stays
    assert answer
    assert answer.fingerprint == "b"


async def test_a_query_that_fails_fails_for_its_callers_and_not_for_the_next(queries: HeldQueries, ask: Ask) -> None:
    queries.error = RPCError("no worker answers", RPCStatusCode.DEADLINE_EXCEEDED, b"")
    queries.release.set()
    failed = await asyncio.gather(ask("a"), ask("b"), return_exceptions=True)
    assert list(failed) == [queries.error, queries.error]
    queries.error = None
    assert await ask("a")

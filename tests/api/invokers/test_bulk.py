"""Limits of a request for many, and what its report says when Temporal does not answer."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from api.http.problems import Problem
from api.invokers.bulk import AT_ONCE, Bulk
from domain.pattern import InvalidKey


async def done() -> None:
    """Nothing is wrong."""


async def refused() -> None:
    raise Problem(409, "already-finished", "It has finished.")


async def unknown() -> None:
    raise RPCError("workflow not found", RPCStatusCode.NOT_FOUND, b"")


async def unavailable() -> None:
    raise RPCError("unavailable", RPCStatusCode.UNAVAILABLE, b"")


async def broken() -> None:
    raise KeyError("a fault of the gateway")


async def wrong() -> None:
    raise InvalidKey("The key is empty.")


async def test_each_failure_is_an_item_and_stops_no_other() -> None:
    operations: Any = {"a": done, "b": refused, "c": unknown, "d": unavailable, "e": broken, "f": wrong, "g": done}

    items = await Bulk().begin().report(operations)

    assert [(each.invocation_id, each.outcome, (each.type or "").removeprefix("urn:problem:")) for each in items] == [
        ("a", "DONE", ""),
        ("b", "REFUSED", "already-finished"),
        ("c", "REFUSED", "not-found"),
        ("d", "LEFT", "temporal-unavailable"),
        ("e", "REFUSED", "internal-error"),
        ("f", "REFUSED", "invalid-key"),
        ("g", "DONE", ""),
    ]
    assert "KeyError" not in str(items[4])


async def test_if_temporal_answers_for_none_the_request_has_failed() -> None:
    with pytest.raises(Problem) as caught:
        await Bulk().begin().report({"a": unavailable, "b": unavailable})

    assert (caught.value.status, caught.value.type) == (503, "temporal-unavailable")


async def test_nothing_selected_is_an_empty_report() -> None:
    assert await Bulk().begin().report({}) == []


async def test_what_is_not_done_in_time_is_left_and_ends() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    items = await Bulk(time_limit=timedelta(milliseconds=50)).begin().report({"a": done, "b": endless})

    assert [(each.outcome, each.reason) for each in items] == [
        ("DONE", None),
        ("LEFT", "It was not done within 0.05 s."),
    ]
    await ended.wait()


async def test_all_requests_together_do_a_limited_number_at_once() -> None:
    running = most = 0

    async def act() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    bulk = Bulk()
    reports = (bulk.begin().report({f"{n}-{i}": act for i in range(100)}) for n in range(3))
    await asyncio.gather(*reports)

    assert most == AT_ONCE

"""What `python -m benchmarks listing` makes of the pages that it reads."""

from typing import cast

import httpx2
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from benchmarks.listing.executions import Executions
from benchmarks.listing.pages import Walk, walk


def test_a_walk_without_gaps_or_repeats_has_no_faults_whatever_was_added() -> None:
    assert Walk(["added", "c", "b", "a"]).faults({"a", "b", "c"}) == []


def test_gaps_and_repeats_are_named() -> None:
    faults = Walk(["c", "a", "a"]).faults({"a", "b", "c"})
    assert faults == ["1 executions are missing, such as b", "1 executions are repeated, such as a"]


async def test_pages_are_read_until_there_is_no_next_one() -> None:
    pages = {"": (["c", "b"], "x"), "x": ([], "y"), "y": (["a"], None)}

    def answer(request: httpx2.Request) -> httpx2.Response:
        keys, following = pages[request.url.params.get("cursor", "")]
        listed = [{"key": key} for key in keys]
        return httpx2.Response(200, json={"executions": listed, "next": following and {"cursor": following}})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://gateway") as http:
        walked = await walk(http)

    assert (walked.keys, len(walked.seconds)) == (["c", "b", "a"], 3)


class Overloaded(Executions):
    """A Temporal that refuses every third start."""

    async def _start(self, number: int) -> None:
        if number % 3 == 0:
            raise RPCError("busy", RPCStatusCode.UNAVAILABLE, b"")
        self.started.add(str(number))


async def test_for_starts_that_temporal_refuses_others_are_made() -> None:
    progress = list[int]()
    executions = Overloaded(cast("Client", None))

    await executions.start_many(500, progress.append)

    assert (len(executions.started), progress[-1]) == (500, 500)

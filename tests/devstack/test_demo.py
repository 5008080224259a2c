"""The demo's own checks: what passes, what fails, and that one failure does not end it."""

import io
import json
import re
from collections.abc import Callable

import httpx2
import pytest

from devstack.demo.narrator import Narrator
from devstack.demo.play import play
from devstack.demo.scenes import fan_out
from devstack.demo.stage import Stage, Unexpected

Answer = Callable[[httpx2.Request], httpx2.Response]
EXPECTED = {"description": "get out of bed: DONE, shower: DONE, make coffee: DONE, have breakfast: DONE"}
LINK = "Link", '<http://ui/workflows/fan-out%3A1>; rel="execution"'


class Records(list[tuple[str, bytes, bytes]]):
    """A producer that keeps what it is given."""

    async def send_and_wait(self, topic: str, value: bytes, key: bytes) -> None:
        self.append((topic, key, value))


@pytest.fixture
def printed() -> io.StringIO:
    return io.StringIO()


def stage(answer: Answer, printed: io.StringIO, records: Records | None = None) -> Stage:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://gateway")
    return Stage(http, Records() if records is None else records, Narrator(printed))


async def test_an_expected_answer_is_printed_with_its_link(printed: io.StringIO) -> None:
    await fan_out(stage(lambda _: httpx2.Response(200, json=EXPECTED, headers=[LINK]), printed))
    assert "POST /FanOutWorker/run" in printed.getvalue()
    assert "✓ 200" in printed.getvalue()
    assert "http://ui/workflows/fan-out%3A1" in printed.getvalue()


async def test_an_unexpected_field_fails_with_the_expected_and_the_actual_value(printed: io.StringIO) -> None:
    with pytest.raises(Unexpected, match=r"expected description = .*DONE.*, got .*FAILED"):
        await fan_out(stage(lambda _: httpx2.Response(200, json={"description": "FAILED"}), printed))


async def test_an_unexpected_status_fails_with_the_expected_and_the_actual_status(printed: io.StringIO) -> None:
    with pytest.raises(Unexpected, match="expected HTTP 200, got 503"):
        await fan_out(stage(lambda _: httpx2.Response(503, json={}), printed))


async def test_a_changing_answer_is_read_until_it_is_as_expected(printed: io.StringIO) -> None:
    counts = iter([0, 1, 1, 2])
    on_stage = stage(lambda _: httpx2.Response(200, json={"published": next(counts)}), printed)
    await on_stage.until("/UserFeed/userid1", {"published": 2})
    assert printed.getvalue().count('. 200 {"published": 1}') == 1


async def test_an_answer_that_never_is_as_expected_fails_after_a_time(printed: io.StringIO) -> None:
    on_stage = stage(lambda _: httpx2.Response(200, json={"published": 0}), printed)
    with pytest.raises(Unexpected, match="expected published = 2"):
        await on_stage.until("/UserFeed/userid1", {"published": 2}, within_seconds=0)


async def test_records_are_written_as_key_and_json(printed: io.StringIO) -> None:
    records = Records()
    await stage(lambda _: httpx2.Response(200), printed, records).produce("posts", ("userid1", {"content": "Hi!"}))
    assert [(topic, key, json.loads(value)) for topic, key, value in records] == [
        ("posts", b"userid1", {"content": "Hi!"})
    ]


async def test_a_failed_scene_does_not_stop_the_others(printed: io.StringIO) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/gone":
            raise httpx2.ConnectError("refused")
        return httpx2.Response(200, json=EXPECTED)

    async def unreachable(on_stage: Stage) -> None:
        await on_stage.call("GET /gone")

    async def unreadable(on_stage: Stage) -> None:
        (await on_stage.call("GET /")).body["invocationId"]

    scenes = {"unreachable": unreachable, "unreadable": unreadable, "good": fan_out}
    assert not await play(scenes, stage(answer, printed), Narrator(printed))
    assert printed.getvalue().count("✗") == 2
    assert printed.getvalue().count("✓ 200") == 2
    assert re.findall(r"(passed|failed)", printed.getvalue()) == ["failed", "failed", "passed"]


async def test_the_demo_passes_when_every_scene_does(printed: io.StringIO) -> None:
    assert await play(
        {"good": fan_out}, stage(lambda _: httpx2.Response(200, json=EXPECTED), printed), Narrator(printed)
    )

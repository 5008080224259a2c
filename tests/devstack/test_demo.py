"""The demo's own checks: what goes right, what does not, and that one failure does not end it."""

import io
import json
from collections.abc import Callable

import httpx2
import pytest

from devstack.demo.narrator import Narrator
from devstack.demo.play import play
from devstack.demo.scenes import fan_out
from devstack.demo.stage import Stage, Unexpected

Answer = Callable[[httpx2.Request], httpx2.Response]
RIGHT = {"description": "get out of bed: DONE, shower: DONE, make coffee: DONE, have breakfast: DONE"}
LINK = "Link", '<http://ui/workflows/fan-out%3A1>; rel="execution"'


class Records(list[tuple[str, bytes, bytes]]):
    """A producer that keeps what it is given."""

    async def send_and_wait(self, topic: str, value: bytes, key: bytes) -> None:
        self.append((topic, key, value))


@pytest.fixture
def told() -> io.StringIO:
    return io.StringIO()


def stage(answer: Answer, told: io.StringIO, records: Records | None = None) -> Stage:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://gateway")
    return Stage(http, Records() if records is None else records, Narrator(told))


async def test_a_right_answer_is_told_with_its_link(told: io.StringIO) -> None:
    await fan_out(stage(lambda _: httpx2.Response(200, json=RIGHT, headers=[LINK]), told))
    assert "POST /FanOutWorker/run" in told.getvalue()
    assert "✓ 200" in told.getvalue()
    assert "http://ui/workflows/fan-out%3A1" in told.getvalue()


async def test_a_wrong_field_tells_what_was_expected_and_what_came(told: io.StringIO) -> None:
    with pytest.raises(Unexpected, match=r"expected description = .*DONE.*, came .*FAILED"):
        await fan_out(stage(lambda _: httpx2.Response(200, json={"description": "FAILED"}), told))


async def test_a_wrong_status_tells_what_was_expected_and_what_came(told: io.StringIO) -> None:
    with pytest.raises(Unexpected, match="expected HTTP 200, came 503"):
        await fan_out(stage(lambda _: httpx2.Response(503, json={}), told))


async def test_a_changing_answer_is_read_until_it_is_right(told: io.StringIO) -> None:
    counts = iter([0, 1, 1, 2])
    on_stage = stage(lambda _: httpx2.Response(200, json={"published": next(counts)}), told)
    await on_stage.until("/UserFeed/userid1", {"published": 2})
    assert told.getvalue().count('. 200 {"published": 1}') == 1


async def test_an_answer_that_never_gets_right_is_given_up(told: io.StringIO) -> None:
    on_stage = stage(lambda _: httpx2.Response(200, json={"published": 0}), told)
    with pytest.raises(Unexpected, match="expected published = 2"):
        await on_stage.until("/UserFeed/userid1", {"published": 2}, within_seconds=0)


async def test_records_are_written_as_key_and_json(told: io.StringIO) -> None:
    records = Records()
    await stage(lambda _: httpx2.Response(200), told, records).produce("posts", ("userid1", {"content": "Hi!"}))
    assert [(topic, key, json.loads(value)) for topic, key, value in records] == [
        ("posts", b"userid1", {"content": "Hi!"})
    ]


async def test_a_scene_that_goes_wrong_does_not_keep_the_others_from_playing(told: io.StringIO) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/gone":
            raise httpx2.ConnectError("refused")
        return httpx2.Response(200, json=RIGHT)

    async def unreachable(on_stage: Stage) -> None:
        await on_stage.call("GET /gone")

    async def unreadable(on_stage: Stage) -> None:
        (await on_stage.call("GET /")).body["invocationId"]

    scenes = {"away": unreachable, "odd": unreadable, "good": fan_out}
    assert not await play(scenes, stage(answer, told), Narrator(told))
    assert told.getvalue().count("✗") == 2
    assert told.getvalue().count("✓ 200") == 2


async def test_all_right_is_right(told: io.StringIO) -> None:
    assert await play({"good": fan_out}, stage(lambda _: httpx2.Response(200, json=RIGHT), told), Narrator(told))

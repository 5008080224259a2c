"""Poison of every kind on the whole stack: listed with its reason, sent back, applied once."""

import base64
import json
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaProducer

from devstack.stack import Stack
from domain.new_letter import NewLetter
from domain.records import MAX_VALUE_BYTES, Incoming, Poison, Record
from tests.brokers.fixtures import make_topic
from tests.eventually import eventually

TIME_MS = int(time.time() - 3_600) * 1_000
"""An hour ago: retention counts from it."""


def post(content: str) -> bytes:
    return json.dumps({"content": content, "metadata": "public"}).encode()


POISON: list[tuple[str, str, bytes | None, bytes | None]] = [
    ("NullKey", "KEY_CONVERTER", None, post("nobody's")),
    ("KeyNotUtf8", "KEY_CONVERTER", b"\xff\xfe", post("?")),
    ("InvalidKey", "KEY_CONVERTER", b"a/b", post("?")),
    ("Tombstone", "VALUE_CONVERTER", b"ann", None),
    ("ValueNotUtf8", "VALUE_CONVERTER", b"ann", b'{"content": "\xff"}'),
    ("InvalidJson", "VALUE_CONVERTER", b"ann", b"{not json"),
    ("SchemaMismatch", "VALUE_CONVERTER", b"ann", b'{"content": 5, "metadata": ""}'),
    ("SchemaMismatch", "VALUE_CONVERTER", b"ann", post("x" * 10_001)),
    ("ValueTooLarge", "VALUE_CONVERTER", b"ann", post("x" * MAX_VALUE_BYTES)),
]
"""Kind, stage, key, value."""


@dataclass
class World:
    """A subscription with a topic of its own, and a user to write to."""

    http: httpx2.AsyncClient
    producer: AIOKafkaProducer
    topic: str
    subscription_id: str
    bootstrap: str

    @property
    def path(self) -> str:
        return f"/subscriptions/{self.subscription_id}/deadLetters"

    @property
    def user(self) -> str:
        return f"user-of-{self.topic}"

    async def write(self, key: bytes | None, value: bytes | None) -> None:
        # A record needs a key or a value.
        await self.producer.send_and_wait(self.topic, value, key=key, partition=0)

    async def keep(self, offset: int, value: bytes) -> None:
        """Write a letter as a worker does, for a record that later workers can read."""
        record = Record(self.topic, 0, offset, self.user.encode(), value, TIME_MS, ())
        reason = Poison("SchemaMismatch", "mood: Field required")
        incoming = Incoming(record, None, self.user, reason)
        letter = NewLetter.of(
            incoming, reason, self.subscription_id, f"my-cluster/{self.topic}/id/0", datetime.now(UTC)
        )
        await make_topic(self.bootstrap, f"{self.topic}.dead-letter")
        await self.producer.send_and_wait(
            f"{self.topic}.dead-letter",
            value,
            key=record.key,
            partition=0,
            headers=letter.headers,
            timestamp_ms=TIME_MS,
        )

    async def listed(self, **query: int) -> list[dict[str, Any]]:
        answer = await self.http.get(self.path, params=query)
        assert answer.status_code == 200, answer.text
        letters: list[dict[str, Any]] = answer.json()["deadLetters"]
        return letters

    async def redrive(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.http.post(f"{self.path}/redrive", json=body)
        assert answer.status_code == 202, answer.text
        outcome: dict[str, Any] = answer.json()
        return outcome

    async def published(self, count: int) -> None:
        async def reached() -> bool:
            return bool((await self.http.get(f"/UserFeed/{self.user}")).json().get("published") == count)

        await eventually(reached)


@pytest.fixture
async def world(stack: Stack, http: httpx2.AsyncClient) -> AsyncIterator[World]:
    topic = f"posts-{uuid.uuid4().hex[:8]}"
    await make_topic(stack.bootstrap, topic)
    source = {"source": f"kafka://my-cluster/{topic}", "sink": "service://UserFeed/processPost"}
    created = await http.post("/subscriptions", json=source)
    assert created.status_code == 201, created.text
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap, max_request_size=2_000_000) as producer:
        yield World(http, producer, topic, created.json()["id"], stack.bootstrap)
    await http.delete(f"/subscriptions/{created.json()['id']}")


async def test_poison_of_every_kind_is_listed_and_the_records_around_it_are_applied(world: World) -> None:
    await world.write(world.user.encode(), post("before"))
    for _, _, key, value in POISON:
        await world.write(key, value)
    await world.write(world.user.encode(), post("after"))
    await world.published(2)

    async def all_listed() -> list[dict[str, Any]] | None:
        letters = await world.listed()
        return letters if len(letters) == len(POISON) else None

    letters = await eventually(all_listed)
    assert letters is not None
    by_source = sorted(letters, key=lambda letter: int(letter["source"]["offset"]))
    assert [(letter["kind"], letter["stage"]) for letter in by_source] == [
        (kind, stage) for kind, stage, _, _ in POISON
    ]
    assert [letter["offset"] for letter in letters] == sorted(letter["offset"] for letter in letters)
    for number, (letter, (_, _, key, value)) in enumerate(zip(by_source, POISON, strict=True), start=1):
        assert letter["source"] == {"topic": world.topic, "partition": 0, "offset": number}
        assert letter["reason"]
        assert datetime.fromisoformat(letter["time"]).tzinfo is not None
        assert _bytes(letter["key"], letter["keyIsBase64"]) == key
        if letter["valueIsCut"]:
            assert value is not None
            assert (letter["value"], letter["valueBytes"]) == (value.decode()[:10_000], len(value))
        else:
            assert _bytes(letter["value"], letter["valueIsBase64"]) == value


def _bytes(shown: str | None, is_base64: bool) -> bytes | None:
    if shown is None:
        return None
    return base64.b64decode(shown) if is_base64 else shown.encode()


async def test_a_redriven_record_is_applied_once_and_after_the_earlier_ones(world: World) -> None:
    await world.write(world.user.encode(), post("before"))
    await world.published(1)
    for _ in range(2):
        await world.keep(1_000, post("fixed"))
    (letter,) = await world.listed()
    place = {"partition": letter["partition"], "offset": letter["offset"]}
    counts = dict.fromkeys(("redriven", "alreadyRedriven", "withoutValue", "refused", "unknown"), 0)
    nothing = {**counts, "remaining": False, "letters": []}
    done = {**place, "outcome": "REDRIVEN", "reason": None}
    assert await world.redrive({"letters": [place]}) == nothing | {"redriven": 1, "letters": [done]}
    again = done | {"outcome": "ALREADY_REDRIVEN"}
    assert await world.redrive({"letters": [place]}) == nothing | {"alreadyRedriven": 1, "letters": [again]}
    unknown = {"partition": 0, "offset": 77}
    several = {"alreadyRedriven": 1, "unknown": 1, "letters": [again, done | unknown | {"outcome": "UNKNOWN"}]}
    assert await world.redrive({"letters": [place, unknown]}) == nothing | several
    assert await world.redrive({"all": True}) == nothing
    assert await world.listed() == []
    await world.write(world.user.encode(), post("after"))
    await world.published(3)


async def test_a_crash_before_the_mark_sends_a_record_twice_and_it_is_applied_once(world: World) -> None:
    await world.write(world.user.encode(), post("before"))
    await world.published(1)
    record = {
        "value": post("fixed"),
        "key": world.user.encode(),
        "partition": 0,
        "headers": [
            ("dead-letter.subscription", world.subscription_id.encode()),
            ("dead-letter.redriven-from", f"{world.topic}-0-1000@1".encode()),
        ],
    }
    for _ in range(2):
        await world.producer.send_and_wait(world.topic, **record)
    await world.write(world.user.encode(), post("after"))
    await world.published(3)
    state = (await world.http.get(f"/UserFeed/{world.user}")).json()
    assert (state["queued"], len(state["posts"])) == (0, 3)
    receipt = await world.http.get(f"/invocations/user-feed:{world.user}~{world.topic}-0-1000@1")
    assert receipt.json()["status"] == "COMPLETED"


async def test_redriven_poison_is_listed_again_with_its_attempts(world: World) -> None:
    await world.write(b"ann", b"{not json")

    async def listed_with(attempts: int) -> bool:
        return [letter["attempts"] for letter in await world.listed()] == [attempts]

    await eventually(lambda: listed_with(1))
    assert (await world.redrive({"all": True}))["redriven"] == 1
    await eventually(lambda: listed_with(2))


async def test_the_next_page_begins_after_the_last_letter(world: World) -> None:
    for offset in range(3):
        await world.keep(offset, post("fixed"))
    first = (await world.http.get(world.path, params={"limit": 2})).json()
    assert first["next"] == {"partition": 0, "after": 1}
    second = (await world.http.get(world.path, params={"limit": 2, **first["next"]})).json()
    offsets = [[letter["source"]["offset"] for letter in page["deadLetters"]] for page in (first, second)]
    assert (offsets, second["next"]) == ([[0, 1], [2]], None)


async def test_a_subscription_that_is_not_known_has_no_dead_letters(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/subscriptions/unknown/deadLetters")).status_code == 404
    assert (await http.post("/subscriptions/unknown/deadLetters/redrive", json={"all": True})).status_code == 404


@pytest.mark.parametrize("query", ["after=x", "after=-2", "after=9223372036854775808", "limit=0", "partition=-1"])
async def test_a_bad_cursor_is_refused(world: World, query: str) -> None:
    answer = await world.http.get(f"{world.path}?{query}")
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:problem:invalid-request"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"all": False},
        {"letters": []},
        {"letters": [{"partition": 0}]},
        {"letters": [{"partition": 0, "offset": -1}]},
        {"letters": [{"partition": 0, "offset": 1, "topic": "posts"}]},
        {"all": True, "letters": [{"partition": 0, "offset": 1}]},
        {"all": True, "cursor": "a", "limit": 1},
    ],
)
async def test_an_impossible_letter_is_refused(world: World, body: dict[str, Any]) -> None:
    assert (await world.http.post(f"{world.path}/redrive", json=body)).status_code == 422


async def test_a_deleted_subscription_redrives_nothing(world: World) -> None:
    await world.http.delete(f"/subscriptions/{world.subscription_id}")

    async def refused() -> bool:
        answer = await world.http.post(f"{world.path}/redrive", json={"all": True})
        return answer.status_code == 409 and answer.json()["type"] == "urn:problem:subscription-deleted"

    await eventually(refused)

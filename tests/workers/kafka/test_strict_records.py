"""What a record may have for a time, a number or a text: as strict as over HTTP. All else is a dead letter."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from domain.inbox import Batch
from domain.invoice import PaymentEvent
from domain.package_tracker import LocationUpdate, PackageRegistration
from domain.payload import Payload
from domain.records import Incoming, Poison, Record
from domain.user_feed import SocialMediaPost
from tests import written
from tests.eventually import eventually
from tests.workers.kafka.fakes import new_partitions
from tests.written import json_with, nearly
from workers.kafka.decisions.lanes import Limits
from workers.kafka.delivery import Delivery, Destination


class Outcomes:
    """A sink and a dead-letter sink in one: what became of each record, by its offset."""

    def __init__(self) -> None:
        self.delivered: dict[int | None, Any] = {}
        self.dead: dict[int, Poison] = {}

    async def deliver(self, key: str, batch: Batch[Any]) -> None:
        self.delivered |= {message.offset: message.body for message in batch.messages}

    async def write(self, incoming: Incoming, reason: Poison, source: str) -> None:
        self.dead[incoming.record.offset] = reason


async def outcomes(body: type[Payload], values: list[bytes]) -> Outcomes:
    """Deliver records with these values, at the offsets 0, 1, ..."""
    partitions, seen = new_partitions(0), Outcomes()
    delivery = Delivery(Destination(seen, seen, body, Limits(lanes_in_flight=8, batch_records=100)), partitions)
    delivery.accept([Record("topic", 0, n, b"key", value, -1, ()) for n, value in enumerate(values)], now=0)
    await eventually(lambda: partitions[0].tracker.pending == 0)
    return seen


@settings(max_examples=20)
@given(st.lists(written.TIMES | nearly(written.TIMES), max_size=20))
@example(["1712011312345", "2024-10-10x13:00", "2024-10-10", "2024-10-10T13:00:00"])
async def test_a_record_with_a_time_is_delivered_and_one_without_is_a_dead_letter(texts: list[str]) -> None:
    seen = await outcomes(LocationUpdate, [to_json({"timestamp": text, "location": "Paris"}) for text in texts])
    for offset, text in enumerate(texts):
        if written.time_in_microseconds(text) is None:
            assert (seen.dead[offset].kind, str(seen.dead[offset])[:10]) == ("SchemaMismatch", "timestamp:")
        else:
            assert seen.delivered[offset].timestamp == text
    assert len(seen.dead) + len(seen.delivered) == len(texts)


EVENT = {"type": "invoice.payment_failed", "created": 1, "data": {"id": "evt_1", "customer": "cus_1"}}


@pytest.mark.parametrize(
    ("body", "value", "field", "wrong"),
    [
        (
            PaymentEvent,
            {**EVENT, "created": ...},
            "created",
            ['"3"', "true", "3.0", "3e0", "null", "-1", "1" + "0" * 30],
        ),
        (PaymentEvent, {**EVENT, "type": ...}, "type", ["3", "true", "[]", "null"]),
        (PaymentEvent, {**EVENT, "data": {"id": "evt_1", "customer": ...}}, "data.customer", ["3", "{}", "false"]),
        (SocialMediaPost, {"content": "a", "metadata": ...}, "metadata", ["3", "true", "[]", "null"]),
        (PackageRegistration, {"finalDestination": ...}, "finalDestination", ["3", "true", '""', "null"]),
        (LocationUpdate, {"timestamp": ..., "location": "A"}, "timestamp", ["0", "1712011312", "null", '["2024"]']),
    ],
)
async def test_a_value_of_another_type_is_a_dead_letter_that_names_the_field(
    body: type[Payload], value: Any, field: str, wrong: list[str]
) -> None:
    seen = await outcomes(body, [json_with(value, each).encode() for each in wrong])
    assert not seen.delivered
    for offset in range(len(wrong)):
        assert seen.dead[offset].kind == "SchemaMismatch"
        assert str(seen.dead[offset]).startswith(f"{field}: "), wrong[offset]


@pytest.mark.parametrize("number", ["03", "+3", "3.", "1e400", "-1e400", "NaN", "Infinity", "1_0"])
async def test_what_is_no_number_of_json_is_a_dead_letter_in_any_field(number: str) -> None:
    values = [json_with({**EVENT, name: ...}, number).encode() for name in ("created", "unknown")]
    seen = await outcomes(PaymentEvent, values)
    assert not seen.delivered
    assert seen.dead[1].kind == "InvalidJson"


async def test_a_field_has_its_name_in_json_and_unknown_ones_are_ignored() -> None:
    seen = await outcomes(PackageRegistration, [b'{"final_destination": "A"}', b'{"finalDestination": "A", "new": 1}'])
    assert str(seen.dead[0]) == "finalDestination: Field required"
    assert seen.delivered[1] == PackageRegistration(final_destination="A")

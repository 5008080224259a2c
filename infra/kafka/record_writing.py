"""Writes records whose headers have any bytes as names, and names the errors that a repetition would not change."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    BrokerResponseError,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    UnsupportedForMessageFormatError,
    kafka_errors,
)
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import RecordMetadata

from domain.dead_letter import Headers
from infra.kafka.record_parsing import raw_name

MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""Larger than any record that a broker accepts: the broker decides what is too large."""


class InvalidRecordError(BrokerResponseError):  # type: ignore[misc]
    """The broker does not accept the record, for example one without a key in a compacted topic."""

    errno = 87
    message = "INVALID_RECORD"
    description = "This record has failed the validation on the broker."


kafka_errors.setdefault(InvalidRecordError.errno, InvalidRecordError)  # aiokafka does not have it

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
REFUSED = (
    *TOO_LARGE,
    InvalidRecordError,
    InvalidTimestampError,
    PolicyViolationError,
    UnsupportedForMessageFormatError,
)
"""The broker refuses a batch. It would refuse it again, but perhaps not each of its records."""

_MAGIC = 2
_GZIP = 1
"""Every broker can read it, whatever compressed the record before."""


@dataclass(frozen=True, slots=True)
class _RawName:
    """A header's name that is written with the bytes that it was read with. The builder only encodes it."""

    name: str

    def encode(self, _: str) -> bytes:
        return raw_name(self.name)


async def send(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    *,
    key: bytes | None,
    value: bytes | None,
    timestamp_ms: int | None,
    headers: Headers,
    alone: bool = False,
) -> asyncio.Future[RecordMetadata]:
    """Send a record and return the future of its acknowledgement, which may fail with an error of `REFUSED`.

    The order of calls is that of the partition. `alone` puts the record into a batch of its own, compressed, so that no
    neighbour can have it refused.
    """
    sent: asyncio.Future[RecordMetadata]
    parts: dict[str, Any] = {"key": _plain(key), "value": _plain(value)}
    is_null = key is None and value is None  # which `send` does not accept, though Kafka does
    if not alone and not is_null and all(name.isascii() or _is_utf8(name) for name, _ in headers):
        try:
            sent = await producer.send(
                topic, partition=partition, timestamp_ms=timestamp_ms, headers=list(headers), **parts
            )
        except MessageSizeTooLargeError as error:
            return _failed(error)
        return sent
    batch = producer.create_batch()
    # aiokafka's compiled builder takes no names but UTF-8.
    batch._builder = _DefaultRecordBatchBuilderPy(_MAGIC, _GZIP, 0, -1, -1, 0, MAX_REQUEST_BYTES)
    batch.append(timestamp=timestamp_ms, headers=[(_RawName(name), value) for name, value in headers], **parts)
    batch.close()
    if batch.size() > MAX_REQUEST_BYTES:
        size = batch.size()
        return _failed(MessageSizeTooLargeError(f"A record of {size} bytes is larger than any that a broker accepts."))
    sent = await producer.send_batch(batch, topic, partition=partition)
    return sent


def _failed(error: Exception) -> asyncio.Future[RecordMetadata]:
    failed: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
    failed.set_exception(error)
    return failed


def _plain(field: bytes | None) -> bytes | None:
    """aiokafka takes no subclass of `bytes`."""
    return None if field is None else bytes(field)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True

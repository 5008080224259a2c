"""The dead letter of a record before it is written, and what is left out of it if the dead-letter topic refuses it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from domain.dead_letter import Header, Headers, first_origin, without_redrive_headers
from domain.records import Incoming, Poison, Unreadable
from domain.traces import trace_headers

MAX_REASON_CHARACTERS = 2_000
"""A reason quotes the record, names of fields for example, and can be as long as the record."""
SHORT_REASON_CHARACTERS = 100


@dataclass(frozen=True)
class NewLetter:
    """`own_headers` are the record's, `added_headers` those of `Header`. `timestamp_ms` is None for the present."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int | None
    own_headers: Headers
    added_headers: Mapping[str, str]

    @classmethod
    def of(
        cls,
        incoming: Incoming,
        reason: Poison,
        subscription_id: str,
        source: str,
        now: datetime,
        *,
        trace: str | None = None,
    ) -> Self:
        """The whole letter of a record that was read from the partition `source`, see `Batch.source`.

        `trace` is the context of its write, if there is one; the record's own stays among its headers.
        """
        record, redriven = incoming.record, incoming.redriven
        added = {
            Header.TOPIC: record.topic,
            Header.PARTITION: str(record.partition),
            Header.OFFSET: str(record.offset),
            Header.STAGE: reason.stage,
            Header.KIND: reason.kind,
            Header.REASON: _shortened(str(reason), MAX_REASON_CHARACTERS),
            Header.SUBSCRIPTION: subscription_id,
            Header.TIME: now.isoformat(timespec="milliseconds"),
            Header.ATTEMPTS: str(redriven.attempts + 1 if redriven else 1),
            Header.ORIGIN: redriven.origin if redriven else first_origin(record.id, source),
        }
        first_time = record.timestamp_ms if redriven is None or redriven.timestamp_ms is None else redriven.timestamp_ms
        if first_time >= 0:
            added[Header.TIMESTAMP] = str(first_time)
        if isinstance(record.value, Unreadable):
            added[Header.VALUE_OMITTED] = "the record cannot be read; these are its bytes in the log"
        added |= trace_headers(trace)
        return cls(
            key=record.key,
            # Kafka requires a key or a value, and the record may have neither.
            value=b"" if record.key is None and record.value is None else record.value,
            timestamp_ms=record.timestamp_ms if record.timestamp_ms >= 0 else None,
            own_headers=without_redrive_headers(record.headers) if redriven else record.headers,
            added_headers=added,
        )

    @property
    def headers(self) -> Headers:
        added = ((name, text.encode(errors="replace")) for name, text in self.added_headers.items())
        return [*self.own_headers, *added]

    def with_the_present_as_time(self) -> Self | None:
        """None if it has it."""
        return None if self.timestamp_ms is None else replace(self, timestamp_ms=None)

    def with_a_key(self, why: str) -> Self | None:
        """Its origin and attempt become its key. None if it has a key."""
        if self.key is not None:
            return None
        key = f"{self.added_headers[Header.ORIGIN]}#{self.added_headers[Header.ATTEMPTS]}"
        return replace(self._saying(Header.KEY_ADDED, why), key=key.encode(errors="replace"))

    def smaller(self, why: str) -> Self | None:
        """Omit the value; if that is done, the record's headers, then the key, then most of the reason.

        None if there is nothing left to omit.
        """
        if self.value:
            return replace(self._saying(Header.VALUE_OMITTED, why), value=b"")
        if self.own_headers:
            return replace(self._saying(Header.HEADERS_OMITTED, why), own_headers=())
        if self.key is not None and Header.KEY_ADDED not in self.added_headers:
            return replace(self._saying(Header.KEY_OMITTED, why), key=None, value=self.value or b"")
        short = _shortened(self.added_headers[Header.REASON], SHORT_REASON_CHARACTERS)
        return None if short == self.added_headers[Header.REASON] else self._saying(Header.REASON, short)

    def _saying(self, header: str, text: str) -> Self:
        return replace(self, added_headers={**self.added_headers, header: text})


def _shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"

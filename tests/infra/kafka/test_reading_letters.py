"""Dead letters are read within limits on time and memory, and none is left out."""

from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from domain.dead_letter import DeadLetter
from domain.records import Unreadable
from domain.subscription import Subscription
from infra.kafka import dead_letter_reader, dead_letters
from infra.kafka.clusters import KafkaClusters
from infra.kafka.dead_letter_reader import DeadLetterReader, SkippedRecord
from infra.kafka.dead_letters import Cursor, DeadLetters
from infra.kafka.record_parsing import EveryRecordOfBatch, ParsedRecord
from tests.infra.kafka.letters import Write, listed, records_of


async def test_without_a_dead_letter_topic_there_is_nothing_and_it_is_not_created(
    letters: DeadLetters, sub: Subscription, broker: str
) -> None:
    page = await letters.page(sub, Cursor(), 50)
    assert (page.letters, page.next) == ([], None)
    assert (await letters.redrive_all(sub)).redriven == 0
    assert await KafkaClusters({"local": broker}).topic("local", sub.dead_letter_topic) is None


async def test_pages_continue_after_the_last_letter_until_the_end(
    letters: DeadLetters, sub: Subscription, write: Write
) -> None:
    for offset in range(5):
        await write(offset)
    pages: list[list[int]] = []
    cursor: Cursor | None = Cursor()
    while cursor and len(pages) < 10:
        page = await letters.page(sub, cursor, 2)
        pages.append([letter.source_offset for letter in page.letters])
        cursor = page.next
    assert pages == [[0, 1], [2, 3], [4]]
    assert (await letters.page(sub, Cursor(after=1_000), 50)).letters == []


async def test_a_scan_that_reads_too_much_continues_with_the_next_page(
    letters: DeadLetters, sub: Subscription, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_reader, "MAX_SCANNED", 3)
    for offset in range(5):
        await write(offset)
    first = await letters.page(sub, Cursor(), 3)
    assert ([letter.source_offset for letter in first.letters], first.next) == ([0, 1, 2], Cursor(0, 2))
    second = await letters.page(sub, Cursor(after=2), 50)
    assert ([letter.source_offset for letter in second.letters], second.next) == ([3, 4], None)


async def test_letters_that_are_large_together_are_read_in_parts_and_none_is_left_out(
    letters: DeadLetters, sub: Subscription, write: Write, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "REDRIVE_BYTES", 2_500)
    for offset in range(5):
        await write(offset, value=b"{" + b"x" * 1_000)
    assert await listed(letters, sub) == [0, 1, 2, 3, 4]
    assert (await letters.redrive_all(sub)).redriven == 5
    assert len(await records_of(broker, sub.topic, 0, 5)) == 5


async def test_a_page_ends_when_its_letters_are_large_together_and_the_next_one_continues(
    letters: DeadLetters, sub: Subscription, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "PAGE_BYTES", 2_500)
    for offset in range(5):
        await write(offset, value=b"{" + b"x" * 1_000)
    pages: list[list[int]] = []
    cursor: Cursor | None = Cursor()
    while cursor and len(pages) < 10:
        page = await letters.page(sub, cursor, 200)
        pages.append([letter.source_offset for letter in page.letters])
        cursor = page.next
    assert pages in ([[0, 1], [2, 3], [4]], [[0, 1, 2], [3, 4]])  # headers count too
    monkeypatch.setattr(dead_letters, "PAGE_BYTES", 10)
    assert [letter.source_offset for letter in (await letters.page(sub, Cursor(), 200)).letters] == [0]


async def test_letters_that_are_not_read_in_time_are_on_the_next_page(
    letters: DeadLetters, sub: Subscription, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for offset in range(3):
        await write(offset)
    read = DeadLetterReader._letters

    async def read_one(reader: DeadLetterReader, start: int) -> AsyncIterator[DeadLetter]:
        async for letter in read(reader, start):
            yield letter
            reader._consumer.seek(reader._tp, letter.offset + 1)
            return

    monkeypatch.setattr(DeadLetterReader, "_letters", read_one)
    monkeypatch.setattr(dead_letters, "PAGE_SECONDS", 0.0)
    offsets: list[int] = []
    cursor: Cursor | None = Cursor()
    for _ in range(10):
        if cursor is not None:
            page = await letters._partition_page(sub, cursor, 50, 1_000_000)
            offsets += [letter.source_offset for letter in page.letters]
            cursor = page.next
    assert (offsets, cursor) == ([0, 1, 2], None)


async def test_a_record_that_cannot_be_read_is_skipped_with_its_offset_and_the_others_are_redriven(
    letters: DeadLetters, sub: Subscription, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_one_badly(batch: EveryRecordOfBatch) -> Iterator[ParsedRecord]:
        for record in batch._batch:
            unreadable = ParsedRecord(record.offset, 0, 0, None, Unreadable(b"\xff", "no record"), [])
            yield unreadable if record.offset == 1 else record

    for offset in range(3):
        await write(offset)
    monkeypatch.setattr(EveryRecordOfBatch, "__iter__", read_one_badly)
    page = await letters.page(sub, Cursor(), 50)
    assert [letter.source_offset for letter in page.letters] == [0, 2]
    assert page.skipped == [SkippedRecord(0, 1, "no record")]
    assert (await letters.redrive_all(sub)).redriven == 2


async def test_records_that_are_letters_again_during_a_redrive_of_all_are_redriven_once(
    letters: DeadLetters, sub: Subscription, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "REDRIVE_BYTES", 2_500)
    redrive = letters._redriver.redrive

    async def redrive_what_fails_again(sub: Subscription, part: Sequence[DeadLetter]) -> list[str | None]:
        for letter in part:
            await write(100 + letter.source_offset, value=letter.value, headers=tuple(letter.redrive_headers()))
        return await redrive(sub, part)

    for offset in range(5):
        await write(offset, value=b"{" + b"x" * 1_000)
    monkeypatch.setattr(letters._redriver, "redrive", redrive_what_fails_again)
    assert (await letters.redrive_all(sub)).redriven == 5
    assert await listed(letters, sub) == [100, 101, 102, 103, 104]

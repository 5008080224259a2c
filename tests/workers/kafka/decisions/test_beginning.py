"""Temporal's checkpoint and the group's offset say where to begin."""

import pytest

from domain.checkpoint import Checkpoint
from workers.kafka.decisions.beginning import AUTHOR, Committed, beginning

OURS, SET = Committed(8, AUTHOR), Committed(8, "")
"""Committed by a consumer, and set with kafka-consumer-groups."""


def known(offset: int, *, outdated: bool = False) -> Checkpoint:
    return Checkpoint(incarnation="first", offsets={0: offset}, outdated=frozenset({0} if outdated else ()))


@pytest.mark.parametrize(
    ("committed", "checkpoint", "begins"),
    [
        (None, None, None),
        (None, known(5), 5),
        (OURS, None, 8),
        (OURS, known(5), 5),
        (OURS, known(9), 8),
        (OURS, known(5, outdated=True), 8),
        (None, known(5, outdated=True), 5),
        (SET, known(5), 8),
        (SET, known(9), 8),
        (SET, None, 8),
    ],
)
def test_an_offset_of_ours_is_not_believed_beyond_the_checkpoint_and_one_that_was_set_always_is(
    committed: Committed | None, checkpoint: Checkpoint | None, begins: int | None
) -> None:
    assert beginning(0, committed, checkpoint) == begins


def test_a_partition_that_the_checkpoint_does_not_have_begins_at_the_group_s_offset_or_its_oldest_record() -> None:
    assert beginning(1, OURS, known(5)) == 8
    assert beginning(1, None, known(5)) is None

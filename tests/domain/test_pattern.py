"""Keys and the execution IDs made of them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.pattern import InvalidKey, Pattern, valid_key
from domain.patterns import PATTERNS


@pytest.mark.parametrize(
    "key", ["trip12", "userid1", "a b", "in_123", "Zürich", "пакет", "荷物", "荷" * 200, "x" * 200, "a:b", "a%2Fb"]
)
def test_a_printable_key_is_valid(key: str) -> None:
    assert valid_key(key) == key


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x" * 201, "201 characters"),
        ("😀" * 200, "more than 2000 bytes"),
        ("a/b", "slash"),
        (" a", "spaces at its ends"),
        ("a\n", "control characters"),
        ("a\x00b", "control characters"),
        ("a\ud800b", "control characters"),
        ("a\ufffd", "not UTF-8"),
    ],
)
def test_a_key_that_cannot_name_an_execution_is_refused_with_the_reason(key: str, reason: str) -> None:
    with pytest.raises(InvalidKey, match=reason):
        valid_key(key)


@given(st.sampled_from(PATTERNS), st.text(min_size=1, max_size=200))
def test_a_key_can_be_read_from_its_execution_id_of_at_most_1000_bytes(pattern: Pattern, key: str) -> None:
    try:
        execution_id = pattern.execution_id(key)
    except InvalidKey:
        assume(False)
    assert pattern.key_of(execution_id) == key
    assert len(execution_id.encode()) <= 1_000


def test_no_two_patterns_share_a_name_a_service_or_a_task_queue() -> None:
    for names in ([p.name for p in PATTERNS], [p.service for p in PATTERNS], [p.task_queue for p in PATTERNS]):
        assert len(set(names)) == len(PATTERNS)

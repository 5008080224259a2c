"""Keys and the execution IDs made of them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.pattern import InvalidKey, Pattern, valid_key
from domain.patterns import PATTERNS

PRINTABLE = ["trip12", "userid1", "a b", "in_123", "Zürich", "пакет", "荷物", "荷" * 200, "x" * 200, "a:b", "a%2Fb"]
JOINED = ["👨\u200d👩\u200d👧", "❤\ufe0f", "🏴\U000e0067\U000e007f", "می\u200cخواهم"]
ASSIGNED_SINCE = ["\U0001fae9"]
"""An emoji of a Unicode version later than Python 3.11's."""


@pytest.mark.parametrize("key", [*PRINTABLE, *JOINED, *ASSIGNED_SINCE])
def test_a_printable_key_is_valid(key: str) -> None:
    assert valid_key(key) == key


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "empty"),
        ("x" * 201, "201 characters"),
        ("😀" * 200, "more than 2000 bytes"),
        ("a/b", "slash"),
        (".", "remove from a URL's path"),
        ("..", "remove from a URL's path"),
        ("   ", "begins or ends with a space"),
        (" a", "begins or ends with a space"),
        ("a ", "begins or ends with a space"),
        ("a\n", r"U\+000A, a control character"),
        ("a\x00b", r"U\+0000, a control character"),
        ("\x85a", r"U\+0085, a control character"),
        ("a\ud800b", r"U\+D800, half of a surrogate pair"),
        ("a\xa0b", r"U\+00A0, a space that is not U\+0020"),
        ("\u3000a", r"U\+3000, a space that is not U\+0020"),
        ("a\u202eb", r"U\+202E, an invisible format character"),
        ("\ufeffa", r"U\+FEFF, an invisible format character"),
        ("a\u200bb", r"U\+200B, an invisible format character"),
        ("a\u2028b", r"U\+2028, a line separator"),
        ("\uf8ff", r"U\+F8FF, a character for private use"),
        ("a\uffff", r"U\+FFFF, which is not a character"),
        ("a\ufdd0", r"U\+FDD0, which is not a character"),
        ("a\ufffd", "not UTF-8"),
    ],
)
def test_a_key_that_cannot_name_an_execution_is_refused_with_the_reason(key: str, reason: str) -> None:
    with pytest.raises(InvalidKey, match=reason):
        valid_key(key)


ALLOWED = st.characters(exclude_categories=["C", "Z"], exclude_characters="/") | st.just(" ")
"""Most characters of keys."""


@given(st.sampled_from(PATTERNS), st.text(ALLOWED, min_size=1, max_size=200))
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


KEYS = st.text(ALLOWED, min_size=1, max_size=20) | st.sampled_from(
    ["acme/booking:a", "booking:a", "a~b", "acme:a", "acme"]
)
TENANTS = st.sampled_from(["default", "acme", "acme-booking", "booking", "globex"])


NAMED = st.tuples(st.sampled_from(PATTERNS), TENANTS, KEYS)


@given(NAMED, NAMED)
def test_no_two_owners_keys_or_patterns_have_one_execution_id(
    one: tuple[Pattern, str, str], two: tuple[Pattern, str, str]
) -> None:
    (pattern, tenant, key), (other, other_tenant, other_key) = one, two
    try:
        first, second = pattern.of(tenant).execution_id(key), other.of(other_tenant).execution_id(other_key)
    except InvalidKey:
        assume(False)
    assert (first == second) is (one == two)
    assert first.startswith(pattern.of(tenant).id_prefix)
    assert not first.startswith(pattern.of(other_tenant).id_prefix) or tenant == other_tenant
    assert pattern.key_of(first) == pattern.of(tenant).key_of(first) == key


def test_the_default_tenants_ids_are_the_readable_ones() -> None:
    booking = Pattern("booking", "BookingWorkflow")
    assert booking.execution_id("trip12") == booking.of("default").execution_id("trip12") == "booking:trip12"
    assert booking.of("acme").execution_id("trip12") == "acme/booking:trip12"
    assert booking.of("acme").of("default") == booking

"""The search attributes of executions: pattern, key and status. They are not encrypted: no personal data in them."""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.pattern import Pattern

PATTERN = SearchAttributeKey.for_keyword("Pattern")
KEY = SearchAttributeKey.for_keyword("PatternKey")
STATUS = SearchAttributeKey.for_keyword("PatternStatus")

ALL = (PATTERN, KEY, STATUS)


def attributes(pattern: Pattern, key: str) -> TypedSearchAttributes:
    """Return the attributes that an execution starts with. Its workflow sets `STATUS`."""
    return TypedSearchAttributes([SearchAttributePair(PATTERN, pattern.name), SearchAttributePair(KEY, key)])

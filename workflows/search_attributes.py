"""By what executions are found: their pattern, key and status. Never personal data: these are not encrypted."""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.pattern import Pattern

PATTERN = SearchAttributeKey.for_keyword("Pattern")
KEY = SearchAttributeKey.for_keyword("PatternKey")
STATUS = SearchAttributeKey.for_keyword("PatternStatus")

ALL = (PATTERN, KEY, STATUS)


def attributes(pattern: Pattern, key: str) -> TypedSearchAttributes:
    """What an execution is started with; its workflow sets `STATUS` as it goes."""
    return TypedSearchAttributes([SearchAttributePair(PATTERN, pattern.name), SearchAttributePair(KEY, key)])

"""The search attributes of executions: pattern, key and status. They are not encrypted: no personal data in them."""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.pattern import Pattern

PATTERN = SearchAttributeKey.for_keyword("Pattern")
KEY = SearchAttributeKey.for_keyword("PatternKey")
STATUS = SearchAttributeKey.for_keyword("PatternStatus")

ALL = (PATTERN, KEY, STATUS)


def attributes(pattern: Pattern, key: str, status: str | None = None) -> TypedSearchAttributes:
    """Return the attributes that an execution starts with.

    `status` is the one that its workflow is going to have first: what comes with the start costs no event, and no
    further write of Temporal's index. The workflow corrects it, and sets the later ones.
    """
    found_by = [SearchAttributePair(PATTERN, pattern.name), SearchAttributePair(KEY, key)]
    if status is not None:
        found_by.append(SearchAttributePair(STATUS, status))
    return TypedSearchAttributes(found_by)

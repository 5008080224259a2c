"""Queries of Temporal's index of executions, which it calls visibility: it is a moment behind the executions."""

import re


def condition(attribute: str, text: str) -> str:
    """A condition for Temporal's index that holds for `text`, and perhaps for others: compare what it finds.

    Temporal escapes a quotation mark and a backslash of a query once too often, and then finds what belongs to another
    text. What is before the first of them is searched instead.
    """
    safe = re.split(r'["\\]', text, maxsplit=1)[0]
    if not safe:
        return f"{attribute} IS NOT NULL"
    operator = "=" if safe == text else "STARTS_WITH"
    return f"{attribute} {operator} '" + safe.replace("'", "\\'") + "'"

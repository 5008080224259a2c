"""Query parameters: what an operation does not read is refused, because it would have no effect.

With a misspelt delay a call would run at once, and with a misspelt cursor a client would read the first page twice.
"""

from collections import Counter
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant

from api.http.problems import MAX_FIELDS, Problem


async def ignore_unknown_parameters() -> None:
    """A dependency of operations of which others say what they are called with."""


async def refuse_unknown_parameters(request: Request) -> None:
    """A dependency of every operation. Raises `Problem` 422 for parameters that are unknown or repeated."""
    names = Counter(name for name, _ in request.query_params.multi_items())
    dependant: Dependant = request.scope["route"].dependant
    if not names or any(each.call is ignore_unknown_parameters for each in dependant.dependencies):
        return
    known = sorted(_parameters(dependant))
    listed = ", ".join(known) or "none"
    wrong = {
        name: f"It is repeated: write {name} once." if name in known else f"Unknown parameter; known are: {listed}."
        for name, times in names.items()
        if name not in known or times > 1
    }
    fields: list[dict[str, Any]] = [
        {"field": f"query.{name[:100]}", "message": message} for name, message in list(wrong.items())[:MAX_FIELDS]
    ]
    if fields:
        detail = "; ".join(f"{field['field']}: {field['message']}" for field in fields[:5])
        raise Problem(422, "invalid-request", detail, errors=fields)


def _parameters(dependant: Dependant) -> set[str]:
    """The query parameters that a route and its dependencies read."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*map(_parameters, dependant.dependencies))

"""What routes read from the path, the query and the headers."""

from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request

from api.http.problems import Problem
from api.invokers.written_ids import MAX_WRITTEN_ID_LENGTH, read
from domain.formats import DIGITS, DURATION_PATTERN
from domain.pattern import valid_key


# A coroutine: FastAPI would run a plain function in a thread, which costs more than what it does.
async def path_key(key: Annotated[str, Path(description="1 to 200 visible characters, no slash.")]) -> str:
    """Raises `InvalidKey`."""
    return valid_key(key)


Key = Annotated[str, Depends(path_key)]


async def path_invocation_id(
    invocation_id: Annotated[
        str, Path(max_length=MAX_WRITTEN_ID_LENGTH, description="As `invocationId` in an answer.")
    ],
) -> str:
    return read(invocation_id)


InvocationId = Annotated[str, Depends(path_invocation_id)]
SubscriptionId = Annotated[str, Path(max_length=200)]


async def one_idempotency_key(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            description="Same key and body: the first outcome, failures too. Same key, other body: 409.",
        ),
    ] = None,
) -> str | None:
    """Raises `Problem` 422 for several keys, of which a proxy may take another than we do."""
    if len(request.headers.getlist("idempotency-key")) > 1:
        detail = "The header Idempotency-Key is repeated: send one."
        field = {"field": "header.Idempotency-Key", "message": "It is repeated."}
        raise Problem(422, "invalid-request", detail, errors=[field])
    return idempotency_key


IdempotencyKey = Annotated[str | None, Depends(one_idempotency_key)]
Delay = Annotated[
    str | None,
    Query(
        description="`1500ms`, `10s`, `5m`, `12h`, `7d` or ISO 8601 without years and months; up to 366 days.",
        json_schema_extra={"pattern": DURATION_PATTERN},
    ),
]
Limit = Annotated[int, Query(ge=1, le=200), DIGITS]

"""What the OpenAPI document says of an answer about an execution: its headers, and where to go from it."""

from collections.abc import Iterable
from typing import Any

EXECUTION_HEADERS: dict[str, Any] = {
    "Invocation-Id": {"description": "Percent-encoded.", "schema": {"type": "string"}},
    "Link": {"description": "Where the Web UI shows it, as `execution`.", "schema": {"type": "string"}},
}


def links(parameter: str, value: str, operations: Iterable[str]) -> dict[str, Any]:
    """OpenAPI links to `operations`, which take `value`, a runtime expression, as their path's `parameter`."""
    return {name: {"operationId": name, "parameters": {parameter: value}} for name in operations}

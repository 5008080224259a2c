"""Write the table of docs/security.md from the OpenAPI document: `make env`."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI

from infra.settings import Settings
from tests.api.security.gateways import application

FILE = Path(__file__).parents[2] / "docs/security.md"
HEAD = ["| operation | needs | without | with another role |", "|---|---|---|---|"]


def write() -> None:
    FILE.write_text(text())


def text() -> str:
    """The whole page, with the table as it must be."""
    before, _, rest = FILE.read_text().partition(HEAD[0])
    after = rest.partition("\n\n")[2]
    app = application(Settings())
    return "\n".join([before + HEAD[0], *HEAD[1:], *rows(app.openapi()), *pages(app)]) + "\n\n" + after


def rows(document: dict[str, Any]) -> list[str]:
    return [
        f"| `{method.upper()} {path}` | {' | '.join(_answers(operation))} |"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


def pages(app: FastAPI) -> list[str]:
    """What is served to browsers, which the OpenAPI document does not have: `api.security.access.OPEN`."""
    served = [route.path for route in app.state.operations if not route.include_in_schema]
    return [f"| `GET {path}` | nothing | served | served |" for path in served]


def _answers(operation: dict[str, Any]) -> tuple[str, str, str]:
    """What the operation needs; the answer without it; the answer to a caller with another role."""
    match operation.get("security", []):
        case []:
            return "nothing", "served", "served"
        case [{"StripeSignature": _}]:
            return "Stripe's signature", "400", "400"
        case [{"Bearer": [role]}]:
            return f"`{role}`", "401", "403"
    raise AssertionError(operation)


if __name__ == "__main__":
    write()

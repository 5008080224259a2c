"""Write the table of docs/security.md from the OpenAPI document: `make env`."""

from pathlib import Path
from typing import Any

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
    return "\n".join([before + HEAD[0], *HEAD[1:], *rows(application(Settings()).openapi())]) + "\n\n" + after


def rows(document: dict[str, Any]) -> list[str]:
    return [
        f"| `{method.upper()} {path}` | {' | '.join(_answers(operation))} |"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


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

"""docs/security.md says who may call each operation today. That the gateway does so is `tests/api/security`'s."""

from tests.packaging import access_matrix


def test_the_table_is_up_to_date() -> None:
    assert access_matrix.FILE.read_text() == access_matrix.text(), "run `make env`"


def test_the_table_has_every_operation() -> None:
    lines = access_matrix.FILE.read_text().splitlines()
    for line in (
        "| `POST /BookingWorkflow/{key}/resolveCompensation` | `operator` | 401 | 403 |",
        "| `POST /PaymentTracker/{key}/onPaymentSuccess` | `caller` | 401 | 403 |",
        "| `POST /webhooks/stripe` | Stripe's signature | 400 | 400 |",
        "| `GET /health` | nothing | served | served |",
        "| `GET /metrics` | `metrics` | 401 | 403 |",
    ):
        assert line in lines

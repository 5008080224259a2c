"""The signature of Stripe's webhooks, as https://docs.stripe.com/webhooks describes checking it by hand."""

import hashlib
import hmac
import re

from pydantic import SecretStr

from domain.errors import Refusal

TOLERANCE_SECONDS = 300
"""How much the time of signing may differ from ours, in both directions. Stripe's libraries accept 300 s before it."""

_TIME = re.compile(r"[1-9][0-9]{0,11}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


class InvalidSignature(Refusal):
    """The event is not signed by Stripe with our secret, or not now."""


def check_signature(payload: bytes, header: str, secret: SecretStr, now: float) -> None:
    """Check that `header`, written `t=<seconds>,v1=<hex>,...`, signs `payload` with `secret` at about `now` (Unix).

    While a secret is being replaced Stripe sends one `v1` for each; one that matches is enough. Other schemes are
    ignored: Stripe signs test events with a `v0` that proves nothing. An empty secret signs nothing.

    Raises `InvalidSignature`, which says if the header is missing, unreadable, stale, or of another secret or body.
    """
    if not header.strip():
        raise InvalidSignature("The Stripe-Signature header is missing.")
    signed_at, signatures = _read(header)
    key = secret.get_secret_value()
    expected = hmac.new(key.encode(), f"{signed_at}.".encode() + payload, hashlib.sha256).hexdigest()
    if not key.strip() or not any(hmac.compare_digest(expected, signature) for signature in signatures):
        raise InvalidSignature(
            "The Stripe-Signature header does not match the body: STRIPE_WEBHOOK_SECRET belongs to another endpoint, "
            "or something between Stripe and the gateway has changed the body."
        )
    age = now - int(signed_at)
    if abs(age) > TOLERANCE_SECONDS:
        raise InvalidSignature(
            f"The event was signed {abs(age):.0f} s {'ago' if age > 0 else 'in the future'}; {TOLERANCE_SECONDS} s are "
            "tolerated. Check the gateway's clock."
        )


def _read(header: str) -> tuple[str, list[str]]:
    """The time of signing, and the signatures that have the right form; there is at least one."""
    fields = [field.partition("=") for field in header.split(",")]
    is_well_formed = header.isascii() and all(separator for _, separator, _ in fields)
    times = [value for scheme, _, value in fields if scheme == "t"]
    signatures = [value for scheme, _, value in fields if scheme == "v1" and _SIGNATURE.fullmatch(value)]
    if not is_well_formed or len(times) != 1 or not _TIME.fullmatch(times[0]) or not signatures:
        raise InvalidSignature(
            "The Stripe-Signature header is unreadable: it must be t=<Unix time>,v1=<64 hex digits>."
        )
    return times[0], signatures

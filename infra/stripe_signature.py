"""The signature of Stripe's webhooks, as https://docs.stripe.com/webhooks describes checking it by hand."""

import hashlib
import hmac
import re

from pydantic import SecretStr

TOLERANCE_SECONDS = 300
"""How much the time of signing may differ from ours, in both directions. Stripe's libraries accept 300 s before it."""

_TIME = re.compile(r"[1-9][0-9]{0,11}")


def is_signed(payload: bytes, header: str, secret: SecretStr, now: float) -> bool:
    """Whether `header`, written `t=<seconds>,v1=<hex>,...`, signs `payload` with `secret` at about `now` (Unix time).

    While a secret is being replaced Stripe sends one `v1` for each; one that matches is enough. Other schemes are
    ignored: Stripe signs test events with a `v0` that proves nothing. An empty secret signs nothing.
    """
    fields = [(scheme, value) for scheme, _, value in (field.partition("=") for field in header.split(","))]
    signed_at = next((value for scheme, value in fields if scheme == "t"), "")
    key = secret.get_secret_value()
    if not key.strip() or not _TIME.fullmatch(signed_at) or abs(now - int(signed_at)) > TOLERANCE_SECONDS:
        return False
    expected = hmac.new(key.encode(), f"{signed_at}.".encode() + payload, hashlib.sha256).hexdigest().encode()
    return any(hmac.compare_digest(expected, value.encode()) for scheme, value in fields if scheme == "v1")

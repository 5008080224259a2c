"""Our check next to Stripe's own library, which is the reference and is installed for these tests only."""

import hashlib
import hmac
import time

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from infra.stripe_signature import TOLERANCE_SECONDS, InvalidSignature, check_signature

SECRET = "whsec_test"
PAYLOAD = '{"id": "evt_1", "note": "ö"}'
NOW = 1_800_000_000
PAYLOADS = st.text(st.characters(codec="utf-8"))
SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E))


def signature(signed_at: object = NOW, secret: str = SECRET, payload: str = PAYLOAD) -> str:
    return hmac.new(secret.encode(), f"{signed_at}.{payload}".encode(), hashlib.sha256).hexdigest()


def is_signed(payload: bytes, header: str, secret: SecretStr, now: float) -> bool:
    try:
        check_signature(payload, header, secret, now)
    except InvalidSignature:
        return False
    return True


def accepts(header: str, now: float = NOW) -> bool:
    return is_signed(PAYLOAD.encode(), header, SecretStr(SECRET), now)


def reason(header: str, now: float = NOW) -> str:
    with pytest.raises(InvalidSignature) as refused:
        check_signature(PAYLOAD.encode(), header, SecretStr(SECRET), now)
    return str(refused.value)


def stripe_accepts(header: str, secret: str = SECRET, payload: str = PAYLOAD) -> bool:
    try:
        stripe.WebhookSignature.verify_header(payload, header, secret, TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, TypeError):  # a TypeError for characters outside ASCII
        return False
    return True


class TestNextToStripesLibrary:
    @given(payload=PAYLOADS, secret=SECRETS)
    def test_what_the_library_signs_is_accepted_where_the_library_accepts_it(self, payload: str, secret: str) -> None:
        header = stripe.WebhookSignature.generate_signature_header(payload, secret)
        accepted = is_signed(payload.encode(), header, SecretStr(secret), time.time())
        assert accepted == stripe_accepts(header, secret, payload)

    @given(data=st.data())
    def test_a_header_that_the_library_refuses_is_refused(self, data: st.DataObject) -> None:
        now = int(time.time())
        times = [now, now - 3600, f"0{now}", f" {now}", f"{now}.0", "", "-1", "+1", "1_0", "1e9", "١", "9" * 5000]
        fields = [f"t={value}" for value in times] + [f"v1={signature(value)}" for value in times]
        fields += [f"v0={signature(now)}", f"v1={signature(now)}=", f"v1={signature(now, 'whsec_other')}"]
        header = ",".join(data.draw(st.lists(st.sampled_from([*fields, "v1", "v1=", "v1=ö", "t", ""]), max_size=4)))
        assert not accepts(header, now) or stripe_accepts(header)

    @pytest.mark.parametrize("field", ["v1", "", "ö", "v1=ö", "v0=ö"])
    def test_a_field_without_a_value_or_outside_ascii_makes_the_header_unreadable(self, field: str) -> None:
        assert reason(f"t={NOW},v1={signature()},{field}").startswith("The Stripe-Signature header is unreadable")


class TestTime:
    @pytest.mark.parametrize("seconds", [-TOLERANCE_SECONDS, 0, TOLERANCE_SECONDS])
    def test_may_be_a_few_minutes_off(self, seconds: int) -> None:
        assert accepts(f"t={NOW},v1={signature()}", NOW + seconds)

    @pytest.mark.parametrize("seconds", [-TOLERANCE_SECONDS - 1, TOLERANCE_SECONDS + 1])
    def test_long_ago_or_in_the_future_is_refused(self, seconds: int) -> None:
        assert not accepts(f"t={NOW},v1={signature()}", NOW + seconds)


class TestSignature:
    def test_that_matches_is_enough_next_to_one_of_the_secret_that_is_being_replaced(self) -> None:
        assert accepts(f"t={NOW},v1={signature(secret='whsec_old')},v1={signature()}")

    def test_under_another_scheme_is_refused(self) -> None:
        assert not accepts(f"t={NOW},v0={signature()}")

    def test_over_another_body_is_refused(self) -> None:
        assert not accepts(f"t={NOW},v1={signature(payload='{}')}")

    @pytest.mark.parametrize("secret", ["", " "], ids=["empty", "blank"])
    def test_with_no_secret_is_refused(self, secret: str) -> None:
        header = f"t={NOW},v1={signature(secret=secret)}"
        assert not is_signed(PAYLOAD.encode(), header, SecretStr(secret), NOW)


class TestReason:
    @pytest.mark.parametrize("header", ["", "  "])
    def test_is_that_the_header_is_missing(self, header: str) -> None:
        assert reason(header) == "The Stripe-Signature header is missing."

    @pytest.mark.parametrize(
        "header",
        [
            "é",
            "t=1,v1=é",
            f"t={NOW}",
            f"v1={'0' * 64}",
            f"t={NOW},v1=",
            f"t={NOW},v0={'0' * 64}",
            f"t={NOW},v1={'0' * 63}",
            f"t={NOW},v1={'A' * 64}",
            f"t={NOW};v1={'0' * 64}",
            *(
                f"t={wrong},v1={'0' * 64}"
                for wrong in ("", "now", "-1", "+1", "1.5", "NaN", "0x1", "¹", "9" * 13, "1 ")
            ),
            f"t={NOW},t={NOW},v1={'0' * 64}",
            "," * 1000,
        ],
    )
    def test_is_that_the_header_is_unreadable(self, header: str) -> None:
        assert reason(header).startswith("The Stripe-Signature header is unreadable: ")

    def test_is_that_it_does_not_match_even_if_it_is_stale_too(self) -> None:
        assert reason(f"t=1,v1={signature(secret='whsec_other')}").startswith(
            "The Stripe-Signature header does not match"
        )

    def test_is_that_it_was_signed_long_ago(self) -> None:
        assert reason(f"t={NOW},v1={signature()}", NOW + 3600).startswith("The event was signed 3600 s ago; 300 s are")

    def test_is_that_it_was_signed_in_the_future(self) -> None:
        then = NOW + 10 * 365 * 86_400
        header = f"t={then},v1={signature(then)}"
        assert reason(header).startswith("The event was signed 315360000 s in the future; 300 s are tolerated.")

    @given(st.binary())
    def test_is_given_for_whatever_bytes_the_header_has(self, header: bytes) -> None:
        assert reason(header.decode("latin-1"))


def test_one_of_many_signatures_is_enough() -> None:
    others = ",".join(f"v1={number:064x}" for number in range(500))
    assert accepts(f"t={NOW},{others},v1={signature()}")

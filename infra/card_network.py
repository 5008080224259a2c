"""A simulated card network and its vault. The vault receives a card number once; everything else uses its token."""

import hashlib
import hmac
import logging
import re

from pydantic import SecretStr
from sqlalchemy import select

from domain.booking import CardDeclined, CardToken, Charge, InvalidCard, KeyReused, PaymentCancelled
from infra.database import Database
from infra.settings import MIN_KEY_LENGTH, Settings
from infra.tables import CardTokens, Payments

log = logging.getLogger("Payment")

_SECRET = f"a random secret of at least {MIN_KEY_LENGTH} characters (openssl rand -hex 32)"

DECLINED_NUMBERS = frozenset({"4111111111111111", "4000000000000002"})
"""The card of the failing example in the README, and Stripe's test card for a decline."""


def load_card_token_key(settings: Settings) -> SecretStr:
    """Raises `SystemExit` without a key: tokens under a key that others know would show their numbers."""
    key, file = settings.card_token_key, settings.card_token_key_file
    if key is not None and file is None:
        return key
    if file is None or key is not None:
        raise SystemExit(f"Set CARD_TOKEN_KEY to {_SECRET}, or CARD_TOKEN_KEY_FILE to a file with one; not both.")
    try:
        read = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"CARD_TOKEN_KEY_FILE {file} cannot be read: {error}.") from None
    if len(read) < MIN_KEY_LENGTH:
        raise SystemExit(f"CARD_TOKEN_KEY_FILE {file} does not have {_SECRET}.")
    return SecretStr(read)


class CardVault:
    """Exchanges card numbers for tokens. The same number gives the same token; a token does not reveal its number."""

    def __init__(self, database: Database, key: SecretStr) -> None:
        self._database = database
        self._key = key.get_secret_value().encode()

    async def tokenize(self, number: str) -> CardToken:
        """Return the token of a card number of 12 to 19 digits. Raises `InvalidCard`."""
        if not re.fullmatch(r"\d{12,19}", number, re.ASCII) or not _passes_luhn(number):
            raise InvalidCard("paymentInfo.cardNumber is not the number of a card.")
        token = "tok_" + hmac.new(self._key, number.encode(), hashlib.sha256).hexdigest()[:32]
        async with self._database.transaction() as connection:
            await self._database.insert_once(
                connection, CardTokens, token=token, last4=number[-4:], declined=number in DECLINED_NUMBERS
            )
        return CardToken(token=token, last4=number[-4:])


class SimulatedCardNetwork:
    """Stands for a card network's API: charges tokens, and refunds by the payment's ID."""

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = database.insert(Payments)
        self._refunding = insert.on_conflict_do_update(
            index_elements=["key"],
            set_={"status": "REFUNDED", "updated_at": insert.excluded.updated_at},
            where=Payments.status == "CHARGED",
        )

    async def charge(self, charge: Charge) -> None:
        """Take the money once per key.

        Raises `CardDeclined`, `PaymentCancelled` if a refund came first, `KeyReused` for another card or amount.
        """
        payment = charge.payment
        query = select(Payments.status, Payments.card_token, Payments.amount_cents).where(Payments.key == charge.key)
        async with self._database.transaction() as connection:
            if known := (await connection.execute(query)).first():
                _must_be_this(charge, *known)
                return
            declined = select(CardTokens.declined).where(CardTokens.token == payment.card.token)
            if (await connection.execute(declined)).scalar_one():
                log.warning("👻 This payment should never be accepted! Aborting booking.")
                raise CardDeclined("👻 Payment could not be accepted!")
            await self._database.insert_once(
                connection,
                Payments,
                key=charge.key,
                card_token=payment.card.token,
                amount_cents=payment.amount_cents,
                status="CHARGED",
            )
            _must_be_this(charge, *(await connection.execute(query)).one())

    async def refund(self, key: str) -> None:
        """Give the money back once; if nothing was charged, spend the key, so that a late charge is refused."""
        await self._database.execute(self._refunding, key=key, amount_cents=0, status="CANCELLED")


def _must_be_this(charge: Charge, status: str, card_token: str | None, amount_cents: int) -> None:
    if status != "CHARGED":
        raise PaymentCancelled(f"Payment {charge.key} was refunded before it was charged.")
    if (card_token, amount_cents) != (charge.payment.card.token, charge.payment.amount_cents):
        raise KeyReused(f"Payment {charge.key} exists with another card or amount.")


_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""The digit sum of twice a digit."""


def _passes_luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = sum(_DOUBLED[digit] for digit in digits[1::2])
    return (sum(digits[::2]) + doubled) % 10 == 0

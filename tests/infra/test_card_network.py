import asyncio
import logging
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.booking import CardDeclined, CardToken, Charge, InvalidCard, KeyReused, Payment, PaymentCancelled
from infra.card_network import CardVault, SimulatedCardNetwork, load_card_token_key
from infra.database import Database
from infra.settings import Settings
from infra.tables import CardTokens, Payments
from tests.infra.rows import rows
from tests.infra.schema import upgrade

SECRET = "f3a9c17e5b2d4806"
GOOD = "4242424242424242"
DECLINED = ("4111111111111111", "4000000000000002")


@pytest.fixture
def vault(database: Database) -> CardVault:
    return CardVault(database, SecretStr("a key"))


@pytest.fixture
def network(database: Database) -> SimulatedCardNetwork:
    return SimulatedCardNetwork(database)


async def charge_of(vault: CardVault, number: str = GOOD, key: str = "pay-1") -> Charge:
    return Charge(key=key, payment=Payment(card=await vault.tokenize(number), amount_cents=1500))


def bytes_of(folder: Path) -> bytes:
    """The database and its write-ahead log."""
    return b"".join(file.read_bytes() for file in folder.glob("patterns.db*"))


async def payments(database: Database) -> list[tuple[str, str, int]]:
    return [(row.key, row.status, row.amount_cents) for row in await rows(database, Payments)]


class TestTokenize:
    async def test_gives_one_number_one_token_however_many_ask(self, vault: CardVault, database: Database) -> None:
        tokens = await asyncio.gather(*(vault.tokenize(GOOD) for _ in range(20)))
        (row,) = await rows(database, CardTokens)
        assert set(tokens) == {CardToken(token=row.token, last4="4242")}

    async def test_gives_another_token_under_another_key(self, vault: CardVault, database: Database) -> None:
        other = CardVault(database, SecretStr("another key"))
        assert (await vault.tokenize(GOOD)).token != (await other.tokenize(GOOD)).token

    @pytest.mark.parametrize("number", [*DECLINED, GOOD, "378282246310005", "6304000000000000000"])
    async def test_takes_numbers_of_12_to_19_digits(self, vault: CardVault, number: str) -> None:
        token = await vault.tokenize(number)
        assert token.token.startswith("tok_")
        assert len(token.token) == len("tok_") + 32
        assert token.last4 == number[-4:]

    @pytest.mark.parametrize(
        "number",
        ["", "4242424242424241", "4242 4242 4242 4242", "00000000000", "0" * 20, "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", f"{GOOD}\n"],
        ids=["nothing", "wrong check digit", "spaces", "11 digits", "20 digits", "not ASCII", "newline"],
    )
    async def test_refuses_what_is_not_the_number_of_a_card_and_does_not_repeat_it(
        self, vault: CardVault, database: Database, number: str
    ) -> None:
        with pytest.raises(InvalidCard) as refusal:
            await vault.tokenize(number)
        assert not number or number not in str(refusal.value)
        assert await rows(database, CardTokens) == []

    async def test_leaves_the_number_neither_in_the_database_file_nor_in_the_log(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        url = f"sqlite+aiosqlite:///{tmp_path}/patterns.db"
        await upgrade(url)
        database = Database(url)
        vault = CardVault(database, SecretStr("a key"))
        for number in (GOOD, *DECLINED):
            await vault.tokenize(number)
        await SimulatedCardNetwork(database).charge(await charge_of(vault))
        stored = bytes_of(tmp_path)
        await database.close()
        assert b"tok_" in stored
        for number in (GOOD, *DECLINED):
            assert number.encode() not in stored
            assert number not in caplog.text
            assert number not in repr(vars(vault))


class TestCharge:
    async def test_takes_the_money_once_however_many_ask(
        self, vault: CardVault, network: SimulatedCardNetwork, database: Database
    ) -> None:
        charge = await charge_of(vault)
        await asyncio.gather(*(network.charge(charge) for _ in range(50)))
        assert await payments(database) == [("pay-1", "CHARGED", 1500)]

    @pytest.mark.parametrize("number", DECLINED)
    async def test_of_a_declined_card_leaves_no_payment_and_a_warning(
        self,
        vault: CardVault,
        network: SimulatedCardNetwork,
        database: Database,
        number: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with pytest.raises(CardDeclined, match="👻 Payment could not be accepted!"):
            await network.charge(await charge_of(vault, number))
        assert await payments(database) == []
        assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
            "👻 This payment should never be accepted! Aborting booking."
        ]

    async def test_under_a_key_of_another_amount_or_card_takes_nothing(
        self, vault: CardVault, network: SimulatedCardNetwork, database: Database
    ) -> None:
        charge = await charge_of(vault)
        await network.charge(charge)
        dearer = Payment(card=charge.payment.card, amount_cents=charge.payment.amount_cents + 1)
        for other in (Charge(key=charge.key, payment=dearer), await charge_of(vault, DECLINED[0])):
            with pytest.raises(KeyReused):
                await network.charge(other)
        assert await payments(database) == [("pay-1", "CHARGED", 1500)]


class TestRefund:
    async def test_gives_the_money_back_once_however_many_ask(
        self, vault: CardVault, network: SimulatedCardNetwork, database: Database
    ) -> None:
        await network.charge(await charge_of(vault))
        await asyncio.gather(*(network.refund("pay-1") for _ in range(50)))
        assert await payments(database) == [("pay-1", "REFUNDED", 1500)]

    async def test_is_final_for_a_charge_that_is_repeated_after_it(
        self, vault: CardVault, network: SimulatedCardNetwork, database: Database
    ) -> None:
        charge = await charge_of(vault)
        await network.charge(charge)
        await network.refund("pay-1")
        with pytest.raises(PaymentCancelled):
            await network.charge(charge)
        assert await payments(database) == [("pay-1", "REFUNDED", 1500)]

    async def test_before_the_charge_makes_the_late_one_refused(
        self, vault: CardVault, network: SimulatedCardNetwork, database: Database
    ) -> None:
        await network.refund("pay-1")
        await network.refund("pay-1")
        with pytest.raises(PaymentCancelled, match="pay-1"):
            await network.charge(await charge_of(vault))
        assert await payments(database) == [("pay-1", "CANCELLED", 0)]


class TestTheKeyOfTokens:
    @pytest.mark.parametrize("both", [False, True])
    def test_is_given_in_exactly_one_place(self, tmp_path: Path, both: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CARD_TOKEN_KEY")
        given = {"card_token_key": SecretStr(SECRET), "card_token_key_file": tmp_path / "key"} if both else {}
        with pytest.raises(SystemExit, match="not both"):
            load_card_token_key(Settings.model_validate(given))

    def test_can_come_from_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CARD_TOKEN_KEY")
        file = tmp_path / "key"
        settings = Settings(card_token_key_file=file)
        file.write_text(f"{SECRET}\n")
        assert load_card_token_key(settings).get_secret_value() == SECRET
        for wrong in (b"", b"short", b"\xff" * 30):
            file.write_bytes(wrong)
            with pytest.raises(SystemExit, match="CARD_TOKEN_KEY_FILE"):
                load_card_token_key(settings)
        file.unlink()
        with pytest.raises(SystemExit, match="cannot be read"):
            load_card_token_key(settings)

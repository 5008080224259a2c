"""What Temporal gets, and what comes back from it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from domain.booking import CardDeclined
from domain.errors import PayloadTooLarge
from infra.payload_encryption import MAX_TEXT_BYTES, UnreadablePayload
from infra.payload_keys import KeyRing
from infra.payloads import data_converter

OLD, NEW = f"old:{'01' * 32}", f"new:{'02' * 32}"
MAX_BYTES = 100_000
KEPT_BYTES = 4 * 1024
"""The largest failure of an attempt that is retried (`limit.mutableStateActivityFailureSize.error`)."""


def ring(*keys: str) -> KeyRing:
    return KeyRing.parse("\n".join(keys), "the test's keys")


CONVERTER = data_converter(MAX_BYTES, ring(OLD))


async def encrypted(value: Any, keys: KeyRing | None = None) -> Payload:
    [payload] = await data_converter(MAX_BYTES, keys or ring(OLD)).encode([value])
    return payload


@pytest.mark.parametrize("value", ["Mr. Secret", {"name": "Mr. Secret"}, b"Mr. Secret", None, [], 0, "x" * 90_000])
async def test_nothing_of_a_value_is_readable_and_it_comes_back(value: Any) -> None:
    payload = await encrypted(value)
    assert set(payload.metadata) == {"encoding", "encryption-key-id"}
    assert payload.metadata["encryption-key-id"] == b"old"
    assert b"Secret" not in payload.SerializeToString()
    assert b"json" not in payload.SerializeToString()
    assert await CONVERTER.decode([payload]) == [value]


async def test_equal_values_do_not_look_equal() -> None:
    assert (await encrypted("same")).data != (await encrypted("same")).data


async def test_after_rotation_the_newest_key_encrypts_and_the_old_one_decrypts() -> None:
    rotated = data_converter(MAX_BYTES, ring(OLD, NEW))
    [after] = await rotated.encode(["after"])
    assert after.metadata["encryption-key-id"] == b"new"
    assert await rotated.decode([await encrypted("before"), after]) == ["before", "after"]


async def test_a_process_that_gets_the_new_key_first_as_an_old_one_reads_both() -> None:
    prepared = data_converter(MAX_BYTES, ring(NEW, OLD))
    assert await prepared.decode([await encrypted("by the others", ring(OLD, NEW))]) == ["by the others"]
    [payload] = await prepared.encode([""])
    assert payload.metadata["encryption-key-id"] == b"old"


async def test_a_missing_key_is_named_with_what_to_do() -> None:
    payload = await encrypted("x", ring(NEW))
    for keys, has in ((ring(OLD), "it has old"), (KeyRing(), "it has none")):
        with pytest.raises(UnreadablePayload, match=f"key 'new', which .* does not have; {has}.*PAYLOAD_KEYS_FILE"):
            await data_converter(MAX_BYTES, keys).decode([payload])


async def test_what_was_changed_is_not_read() -> None:
    original = await encrypted("x")
    for position in range(len(original.data)):
        changed = Payload()
        changed.CopyFrom(original)
        changed.data = original.data[:position] + bytes([original.data[position] ^ 1]) + original.data[position + 1 :]
        with pytest.raises(UnreadablePayload, match="key 'old'"):
            await CONVERTER.decode([changed])
    for length in (0, 5, 12, 27):
        changed.data = original.data[:length]
        with pytest.raises(UnreadablePayload, match="key 'old'"):
            await CONVERTER.decode([changed])


async def test_another_key_under_the_same_id_does_not_decrypt() -> None:
    with pytest.raises(UnreadablePayload, match="another key had this ID"):
        await CONVERTER.decode([await encrypted("x", ring(f"old:{'03' * 32}"))])


async def test_the_id_of_the_key_cannot_be_exchanged() -> None:
    payload = await encrypted("x")
    payload.metadata["encryption-key-id"] = b"same"
    with pytest.raises(UnreadablePayload):
        await data_converter(MAX_BYTES, ring(f"same:{'01' * 32}")).decode([payload])


async def test_without_a_key_payloads_are_json_and_those_in_clear_text_are_read_with_keys_too() -> None:
    payload = await encrypted("clear", KeyRing())
    assert payload.data == b'"clear"'
    assert await CONVERTER.decode([payload]) == ["clear"]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=4), st.integers(1, 64))
async def test_the_limit_holds_for_the_encrypted_form_and_wastes_little(sizes: list[int], id_length: int) -> None:
    limit = 700
    converter = data_converter(limit, ring(f"{'k' * id_length}:{'01' * 32}"))
    wasted_at_most = len(sizes) * (6 + 4)
    plain = data_converter(MAX_BYTES, ring(f"{'k' * id_length}:{'01' * 32}"))
    values = ["x" * size for size in sizes]
    size = sum(payload.ByteSize() for payload in await plain.encode(values))
    try:
        await converter.encode(values)
    except PayloadTooLarge:
        assert size > limit - wasted_at_most
    else:
        assert size <= limit


async def failure_of(error: BaseException, converter: Any = CONVERTER) -> Failure:
    failure = Failure()
    await converter.encode_failure(error, failure)
    return failure


async def test_nothing_of_an_error_is_readable_and_it_comes_back() -> None:
    def secret_function() -> None:
        raise ApplicationError("Mr. Secret has no seat", {"name": "Mr. Secret"}, type="SoldOut") from ValueError(
            "Mr. Secret again"
        )

    with pytest.raises(ApplicationError) as raised:
        secret_function()
    failure = await failure_of(raised.value)
    stored = failure.SerializeToString()
    assert b"ecret" not in stored
    assert failure.application_failure_info.type == "SoldOut"
    back = await CONVERTER.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert isinstance(back.cause, ApplicationError)
    assert (back.message, back.cause.message) == ("Mr. Secret has no seat", "Mr. Secret again")
    assert back.details == ({"name": "Mr. Secret"},)
    assert "secret_function" in back.failure.stack_trace if back.failure else False


async def test_a_refusal_has_no_stack_trace_and_its_cause_has() -> None:
    def refuse() -> None:
        try:
            raise ConnectionError("The bank hung up.")
        except ConnectionError as error:
            raise CardDeclined("The card was declined.") from error

    with pytest.raises(CardDeclined) as raised:
        refuse()
    back = await CONVERTER.decode_failure(await failure_of(raised.value))
    assert isinstance(back, ApplicationError)
    assert isinstance(cause := back.cause, ApplicationError)
    assert back.failure
    assert cause.failure
    assert back.failure.stack_trace == ""
    assert "in refuse" in cause.failure.stack_trace
    assert raised.value.__traceback__


async def test_the_text_of_an_error_is_cut_before_it_is_encrypted() -> None:
    failure = await failure_of(ApplicationError("é" * 3_000_000))
    assert failure.ByteSize() < KEPT_BYTES
    back = await CONVERTER.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert back.message == "é" * ((MAX_TEXT_BYTES - len("…".encode())) // 2) + "…"


async def test_a_chain_of_errors_fits_into_what_temporal_keeps_of_an_attempt() -> None:
    def deeper(depth: int) -> None:
        if depth:
            deeper(depth - 1)
        raise ConnectionError("The host does not answer.")

    def chain(length: int) -> None:
        try:
            deeper(100) if length == 1 else chain(length - 1)
        except Exception as error:
            raise ApplicationError("The receiver cannot be reached.") from error

    with pytest.raises(ApplicationError) as raised:
        chain(2)
    failure = await failure_of(raised.value)
    assert failure.ByteSize() < KEPT_BYTES
    back = await CONVERTER.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert isinstance(first := back.cause and back.cause.__cause__, ApplicationError)
    assert first.failure
    assert "does not answer" in first.failure.stack_trace


async def test_details_that_are_too_large_become_an_error_that_says_so() -> None:
    failure = await failure_of(ApplicationError("text", "x" * MAX_BYTES))
    back = await CONVERTER.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert (back.type, back.non_retryable) == (PayloadTooLarge.__name__, True)


async def test_an_error_that_went_through_a_workflow_is_encrypted_again() -> None:
    first = await CONVERTER.decode_failure(await failure_of(ApplicationError("Mr. Secret")))
    second = await failure_of(first)
    assert b"Secret" not in second.SerializeToString()
    back = await CONVERTER.decode_failure(second)
    assert isinstance(back, ApplicationError)
    assert back.message == "Mr. Secret"

"""Payloads as Temporal gets them: AES-256-GCM, one random nonce each, with the ID of the key in the clear.

Encrypted are arguments, results, signals, queries, updates, memos, heartbeats, summaries, and the texts, stack traces
and details of errors. In the clear stay what Temporal works with: IDs, types, task queues, search attributes, times,
sizes. The form is the one of Temporal's own samples.

The codec runs on the event loop. A payload of 1 KB takes 5 microseconds, one of 2 MiB some milliseconds; handing it to
a thread takes longer for all but the largest. Measure it: `python -m benchmarks encryption`.
"""

import json
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import PayloadCodec, PayloadConverter

from infra.payload_keys import KeyRing
from infra.payload_size import LimitedFailureConverter

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
_NONCE_BYTES, _TAG_BYTES = 12, 16
_MAX_LENGTH_BYTES = 5
"""The tag of the field that holds the encrypted bytes, and their number."""
MAX_TEXT_BYTES = 2_000
MAX_TRACE_BYTES = 800
"""Both limits are for one error in a chain of causes."""
_CUT = "…".encode()


class UnreadablePayload(Exception):
    """A payload cannot be decrypted. The message names the key and says what to do."""


class EncryptionCodec(PayloadCodec):
    """Encrypts under the newest key of a ring, decrypts under any; payloads in clear text are read as they are."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    @property
    def overhead_bytes(self) -> int:
        """By how much a payload can grow, at most."""
        if self._ring.newest is None:
            return 0
        return _envelope(self._ring.newest, b"").ByteSize() + _MAX_LENGTH_BYTES + _NONCE_BYTES + _TAG_BYTES

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        newest = self._ring.newest
        return list(payloads) if newest is None else [self._encrypt(newest, payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises `UnreadablePayload`."""
        return [self._decrypt(each) if each.metadata.get("encoding") == ENCODING else each for each in payloads]

    def _encrypt(self, key_id: str, payload: Payload) -> Payload:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ring.ciphers[key_id].encrypt(nonce, payload.SerializeToString(), key_id.encode())
        return _envelope(key_id, nonce + sealed)

    def _decrypt(self, payload: Payload) -> Payload:
        name = payload.metadata.get(KEY_ID, b"")
        key_id = name.decode("ascii", "replace")
        cipher = self._ring.ciphers.get(key_id)
        if cipher is None:
            raise UnreadablePayload(
                f"A payload is encrypted under the key {key_id[:100]!r}, which this process does not have; it has "
                f"{', '.join(self._ring.ciphers) or 'none'}. Add that key to PAYLOAD_KEYS or PAYLOAD_KEYS_FILE, "
                "before the key that encrypts, and restart."
            )
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, name))
        except (InvalidTag, ValueError):
            raise UnreadablePayload(
                f"A payload cannot be decrypted under the key {key_id!r}: it was changed, or another key had this ID "
                "when it was written. Give every key an ID of its own, and keep old keys."
            ) from None


class EncodedFailureConverter(LimitedFailureConverter):
    """Moves the text and the stack trace of an error into a payload, which the codec then encrypts.

    The SDK's `DefaultFailureConverterWithEncodedAttributes` does this too, without a limit. Of the failure of an
    attempt that is retried Temporal keeps 4 KiB: it cuts a longer text, and drops an encrypted one. So both are cut
    here, the trace to its last lines, for a chain of three errors to fit. The worker's log has all of it.
    """

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        super().to_failure(exception, payload_converter, failure)
        text, trace = failure.message.encode(), failure.stack_trace.encode()
        if len(text) > MAX_TEXT_BYTES:
            text = text[: MAX_TEXT_BYTES - len(_CUT)].decode(errors="ignore").encode() + _CUT
        if len(trace) > MAX_TRACE_BYTES:
            trace = _CUT + trace[len(_CUT) - MAX_TRACE_BYTES :].decode(errors="ignore").encode()
        attributes = {"message": text.decode(), "stack_trace": trace.decode()}
        data = json.dumps(attributes, ensure_ascii=False, separators=(",", ":")).encode()
        failure.encoded_attributes.CopyFrom(Payload(metadata={"encoding": b"json/plain"}, data=data))
        failure.message = "Encoded failure"
        failure.stack_trace = ""


def _envelope(key_id: str, data: bytes) -> Payload:
    return Payload(metadata={"encoding": ENCODING, KEY_ID: key_id.encode()}, data=data)

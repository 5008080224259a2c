"""What our values become on their way to Temporal: JSON by pydantic, within the limit of size, encrypted."""

from temporalio.converter import DataConverter

from infra.payload_encryption import EncodedFailureConverter, EncryptionCodec
from infra.payload_keys import KeyRing
from infra.payload_size import LimitedFailureConverter, limited_converter


def data_converter(max_bytes: int, ring: KeyRing) -> DataConverter:
    """The converter of every client. `max_bytes` bounds what one call has in the form in which Temporal gets it."""
    codec = EncryptionCodec(ring)
    return DataConverter(
        payload_converter_class=limited_converter(max_bytes, codec.overhead_bytes),
        payload_codec=codec,
        failure_converter_class=LimitedFailureConverter if ring.newest is None else EncodedFailureConverter,
    )

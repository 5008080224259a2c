"""The beginning of an answer's body, within bounds of memory whatever its sender made of it."""

import codecs
import re
import zlib
from dataclasses import dataclass

import httpx2

MAX_RAW_BYTES = 1024 * 1024
"""Bytes that are read of one body. Encoded data can be without end and decode to nothing."""
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_CHARSETS = re.compile(
    r"utf-(8|16|32)(-(le|be|sig))?|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|shift_jis|euc_(jp|kr)|gb\w+|big5"
)
"""Python's names of character sets. Others of its codecs inflate, or take time that grows with the square."""


class CannotDecode(Exception):
    """The body's encoding is not one that is read, or its data are not in it."""


@dataclass(frozen=True)
class Beginning:
    """The first characters of a body."""

    text: str
    is_whole: bool


async def beginning_of(response: httpx2.Response, max_characters: int) -> Beginning:
    """Read the first characters of the body; all if it ends before.

    One encoding is decoded, gzip or deflate, and no further than needed. Raises `CannotDecode`.
    """
    inflater = _decoder(response.headers.get("content-encoding", ""))
    characters = _decoder_of_text(response)
    text, raw_bytes = "", 0
    async for chunk in response.aiter_raw():
        raw_bytes += len(chunk)
        # A character has four bytes at most. One more: of a decoder that has its last one only in part.
        decoded = inflater.decode(chunk, 4 * (max_characters - len(text) + 1))
        text += characters.decode(decoded)
        if inflater.has_ended:
            break
        if len(text) >= max_characters or raw_bytes >= MAX_RAW_BYTES:
            return Beginning(text[:max_characters], is_whole=False)
    else:
        inflater.must_have_ended()
    text += characters.decode(b"", final=True)
    return Beginning(text[:max_characters], is_whole=len(text) <= max_characters)


class _Plain:
    has_ended = False

    def decode(self, chunk: bytes, max_bytes: int) -> bytes:
        return chunk[:max_bytes]

    def must_have_ended(self) -> None:
        pass


class _Inflating:
    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._inflater = zlib.decompressobj(_WINDOW_BITS[encoding])
        self._has_begun = False

    @property
    def has_ended(self) -> bool:
        return self._inflater.eof

    def decode(self, chunk: bytes, max_bytes: int) -> bytes:
        """At most `max_bytes` of what the chunk inflates to, the rest is left out. `max_bytes` is positive."""
        try:
            inflated = self._inflater.decompress(chunk, max_bytes)
        except zlib.error:
            if self._has_begun or self._encoding != "deflate":
                raise CannotDecode(f"its data are not {self._encoding}") from None
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # many servers send deflate without zlib's header
            self._has_begun = True
            return self.decode(chunk, max_bytes)
        self._has_begun = True
        return inflated

    def must_have_ended(self) -> None:
        if self._has_begun and not self._inflater.eof:
            raise CannotDecode(f"its {self._encoding} data break off")


def _decoder(header: str) -> _Plain | _Inflating:
    encodings = [name for each in header.lower().split(",") if (name := each.strip()) not in ("", "identity")]
    if not encodings:
        return _Plain()
    if len(encodings) > 1:
        raise CannotDecode(f"it has {len(encodings)} encodings, one inside the other")
    if encodings[0] not in _WINDOW_BITS:
        raise CannotDecode("its encoding is neither gzip nor deflate")
    return _Inflating(encodings[0])


def _decoder_of_text(response: httpx2.Response) -> codecs.IncrementalDecoder:
    try:
        name = codecs.lookup(response.charset_encoding or "utf-8").name
    except (LookupError, ValueError):
        name = "utf-8"
    return codecs.getincrementaldecoder(name if _CHARSETS.fullmatch(name) else "utf-8")("replace")

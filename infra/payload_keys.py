"""The keys under which payloads are encrypted for Temporal: each has an ID, the last one encrypts, all decrypt.

# one per line, in PAYLOAD_KEYS_FILE; separated by commas or spaces in PAYLOAD_KEYS
2026-05:8d6f...   64 hexadecimal digits
2026-11:03ab...   the last one encrypts
"""

import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.settings import Settings

MAX_ID_CHARACTERS = 64
_ENTRY = re.compile(rf"([A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_ID_CHARACTERS - 1}}}):([0-9a-fA-F]{{64}})")
_FORMAT = "ID:KEY, an ID of letters, digits, '.', '_' and '-', and 64 hexadecimal digits (openssl rand -hex 32)"
_PUBLISHED = re.compile(r"(.)\1*")
"""One digit repeated: a placeholder, not a key."""


class BadPayloadKeys(ValueError):
    """The keys cannot be used. The message names the setting and never repeats a key."""


@dataclass(frozen=True)
class KeyRing:
    """Ciphers by the IDs of their keys. `newest` encrypts; None leaves new payloads in clear text."""

    ciphers: dict[str, AESGCM] = field(default_factory=dict, repr=False)
    newest: str | None = None

    @classmethod
    def parse(cls, text: str, where: str) -> "KeyRing":
        """Read keys that are separated by white space or commas; `#` begins a comment. Raises `BadPayloadKeys`."""
        ciphers: dict[str, AESGCM] = {}
        lines = [line.partition("#")[0] for line in text.splitlines()]
        for position, entry in enumerate(" ".join(lines).replace(",", " ").split(), 1):
            match = _ENTRY.fullmatch(entry)
            if match is None:
                raise BadPayloadKeys(f"{where}: entry {position} is not {_FORMAT}.")
            key_id, digits = match.groups()
            if key_id in ciphers:
                raise BadPayloadKeys(f"{where}: the ID {key_id!r} is there twice. Give each key an ID of its own.")
            if _PUBLISHED.fullmatch(digits):
                raise BadPayloadKeys(f"{where}: the key {key_id!r} is a placeholder. Make one: openssl rand -hex 32")
            ciphers[key_id] = AESGCM(bytes.fromhex(digits))
        if not ciphers:
            raise BadPayloadKeys(f"{where}: there is no key. Write {_FORMAT}.")
        return cls(ciphers, newest=list(ciphers)[-1])


def key_ring(settings: Settings) -> KeyRing:
    """Read the keys that the settings name. Raises `BadPayloadKeys`, also if encryption is required without a key."""
    ring = _read(settings)
    if settings.payload_encryption == "off":
        return KeyRing(ring.ciphers, newest=None)
    if ring.newest is None:
        raise BadPayloadKeys(
            "Payloads must be encrypted, and there is no key: set PAYLOAD_KEYS_FILE or PAYLOAD_KEYS to the keys of "
            "this installation, or PAYLOAD_ENCRYPTION=off to have all payloads in clear text in Temporal."
        )
    return ring


def load_key_ring(settings: Settings) -> KeyRing:
    """Read the keys as a process starts. Raises `SystemExit` with what is wrong."""
    try:
        return key_ring(settings)
    except BadPayloadKeys as error:
        raise SystemExit(str(error)) from None


def _read(settings: Settings) -> KeyRing:
    text, file = settings.payload_keys, settings.payload_keys_file
    if text is not None and file is not None:
        raise BadPayloadKeys("PAYLOAD_KEYS and PAYLOAD_KEYS_FILE are both set: use one of them.")
    if text is not None:
        return KeyRing.parse(text.get_secret_value(), "PAYLOAD_KEYS")
    if file is None:
        return KeyRing()
    try:
        return KeyRing.parse(file.read_text(encoding="ascii"), f"PAYLOAD_KEYS_FILE {file}")
    except OSError as error:
        raise BadPayloadKeys(f"PAYLOAD_KEYS_FILE {file}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadPayloadKeys(f"PAYLOAD_KEYS_FILE {file}: is not ASCII text. Write {_FORMAT}.") from None

"""The names of a pattern in URLs, IDs and task queues; and for entities, the messages that they receive.

Each pattern is defined in its own file; `domain.patterns` lists them.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from domain.access import DEFAULT_TENANT, owned, without_owner
from domain.errors import Refusal
from domain.payload import Payload

if TYPE_CHECKING:
    from domain.plans import Plans


SEPARATOR = "~"
"""Between an entity's ID and the message's in the ID of an invocation."""
MAX_KEY_LENGTH = 200
MAX_ENCODED_KEY_BYTES = 2_000
"""The size as a search attribute, where a character beyond U+FFFF takes twelve bytes. Temporal allows 2,048."""
_PLAIN_KEY = re.compile(rf"(?!\.\.?$)[!-.0-~]{{1,{MAX_KEY_LENGTH}}}")
"""Most keys: ASCII without a slash or a space. Each record has a key, and going through it by characters takes 5 us."""


class InvalidKey(Refusal):
    """The key cannot name an execution."""


@dataclass(frozen=True)
class Pattern:
    """One pattern. `name` is the name of its modules, `service` its name in URLs and the name of its workflow."""

    name: str
    service: str
    first_status: str | None = field(default=None, kw_only=True)
    """What its workflows say of themselves first. They are started with it."""
    tenant: str = field(default=DEFAULT_TENANT, kw_only=True)
    """Whose executions these are."""

    def of(self, tenant: str) -> Self:
        """The same pattern, for the executions of `tenant`."""
        return self if tenant == self.tenant else replace(self, tenant=tenant)

    @property
    def task_queue(self) -> str:
        return self.name.replace("_", "-")

    @property
    def id_prefix(self) -> str:
        """What the IDs of the tenant's executions begin with, and no others."""
        return owned(self.tenant, f"{self.task_queue}:")

    def execution_id(self, key: str) -> str:
        """The workflow or activity ID of `key`, such as `booking:trip12`, or `acme/booking:trip12`."""
        return f"{self.id_prefix}{valid_key(key)}"

    def key_of(self, execution_id: str) -> str:
        """The key inside an ID made by `execution_id`, of any tenant."""
        return without_owner(execution_id).removeprefix(f"{self.task_queue}:")


@dataclass(frozen=True)
class Handler:
    """A handler of a service: the messages that it takes, and their outcome."""

    signal: str
    """The signal that carries the messages to the service's workflow."""
    body: type[Payload]
    outcome: type[Payload]
    first_status: str | None = None
    """What a key's workflow says of itself first if it begins with a message of this handler; None if that depends on
    the message."""


@dataclass(frozen=True, eq=False)
class Entity(Pattern):
    """A pattern whose keys are workflows that receive messages as signals."""

    handlers: Mapping[str, Handler]
    start_input: Callable[[str, "Plans"], Payload]
    """Returns the workflow's argument for a new key, which other systems know by its `owned` name."""
    state: type[Payload]
    """What the workflow's query `state` returns, for `GET /{Service}/{key}`."""


def valid_key(key: str) -> str:
    """Return `key` if it can name an execution.

    Keys become workflow IDs (at most 1,000 bytes), path segments and a search attribute (255 characters), hence: 1 to
    200 visible characters, not `.` or `..`, no slash, no space at either end, and no U+FFFD. Invalid UTF-8 in a path is
    decoded to U+FFFD, so that different paths would name the same execution. Characters that are invisible or look like
    a space would make different keys look the same; those of emoji sequences and of scripts that need them are allowed.

    Raises `InvalidKey`.
    """
    if _PLAIN_KEY.fullmatch(key):
        return key
    if not key:
        raise InvalidKey("The key is empty.")
    if len(key) > MAX_KEY_LENGTH:
        raise InvalidKey(f"The key has {len(key)} characters; at most {MAX_KEY_LENGTH} are allowed.")
    if len(json.dumps(key)) > MAX_ENCODED_KEY_BYTES:
        raise InvalidKey(f"The key is too long: in ASCII it has more than {MAX_ENCODED_KEY_BYTES} bytes.")
    if key in (".", ".."):
        raise InvalidKey(f"The key is {key!r}, which clients remove from a URL's path.")
    if "/" in key:
        raise InvalidKey("The key contains a slash, which separates path segments.")
    if "\ufffd" in key:
        raise InvalidKey("The key is not UTF-8, or contains U+FFFD, the replacement for invalid UTF-8.")
    for character in key:
        if reason := _refused(character):
            raise InvalidKey(f"The key contains U+{ord(character):04X}, {reason}.")
    if key != key.strip(" "):
        raise InvalidKey("The key begins or ends with a space.")
    return key


_JOINERS = {"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))}
"""Zero-width joiner and non-joiner, and the tags of flags: invisible, but parts of emoji and of words."""
_REFUSED = {
    "Cc": "a control character",
    "Cf": "an invisible format character",
    "Cs": "half of a surrogate pair",
    "Co": "a character for private use",
    "Zs": "a space that is not U+0020",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
"""By Unicode's category."""
_NO_CHARACTER = re.compile(
    "[\ufdd0-\ufdef" + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)) + "]"
)


def _refused(character: str) -> str | None:
    """Why a key may not have this character. One that Unicode assigned after this Python was released is allowed."""
    if character == " " or character in _JOINERS:
        return None
    if _NO_CHARACTER.match(character):
        return "which is not a character"
    return _REFUSED.get(unicodedata.category(character))

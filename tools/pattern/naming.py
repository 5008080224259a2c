"""The words of a new pattern, and which words cannot be taken."""

import builtins
import keyword
import re
import sys
from dataclasses import dataclass
from string import Template
from typing import Self

MAX_LENGTH = 30
"""A name and a service have at most so many characters: the lines that contain them stay within 120 columns."""
_NAME = re.compile(r"[a-z][a-z0-9]+(_[a-z0-9]+)*")
_SERVICE = re.compile(r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*")


class Refused(Exception):
    """The pattern cannot be laid out, for a reason that the message gives. Nothing was written."""


@dataclass(frozen=True)
class Naming:
    """A pattern's words: `loyalty` in every folder, `LoyaltyPoints` in URLs and as the name of its workflow."""

    name: str
    service: str

    @classmethod
    def of(cls, name: str, service: str | None) -> Self:
        """The words that a developer chose; the service follows from the name if there is none. Raises `Refused`."""
        _check(name, _NAME, "A name is in snake_case, such as loyalty or loyalty_points")
        service = service or "".join(word.capitalize() for word in name.split("_"))
        _check(service, _SERVICE, "A service is in CamelCase, such as LoyaltyPoints")
        return cls(name, service)

    @property
    def constant(self) -> str:
        """The name of its row."""
        return self.name.upper()

    def fill(self, text: str) -> str:
        """Replace the placeholders of a template. Raises `KeyError` for one that is unknown."""
        return Template(text).substitute(
            name=self.name,
            service=self.service,
            constant=self.constant,
            id_prefix=self.name.replace("_", "-"),
            problem=re.sub(r"(?<!^)(?=[A-Z])", "-", f"{self.service}Refused").lower(),
        )


def _check(word: str, form: re.Pattern[str], rule: str) -> None:
    if not form.fullmatch(word):
        raise Refused(f"{rule}: {word!r} is not.")
    if len(word) > MAX_LENGTH:
        raise Refused(f"{rule}, and has at most {MAX_LENGTH} characters: {word!r} has {len(word)}.")
    if keyword.iskeyword(word) or keyword.issoftkeyword(word):
        raise Refused(f"{word!r} is a keyword of Python: choose another.")
    if word in sys.stdlib_module_names or hasattr(builtins, word):
        raise Refused(f"{word!r} is a module or a builtin of Python: choose another.")

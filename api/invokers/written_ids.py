"""How the IDs of invocations are written in answers and URLs.

An ID has its execution's key, which may have any character that a URL does not allow. It is written so that it is the
same in a header, in a body and in a URL, whether or not a client percent-encodes it there: letters, digits and `-._~:@`
are themselves, every other byte of the UTF-8 is `=` and two hexadecimal digits. `booking:trip 7` is `booking:trip=207`.
"""

import re
from typing import Annotated
from urllib.parse import quote, unquote

from pydantic import PlainSerializer

MAX_ID_BYTES = 1000
"""Temporal's limit on the ID of a workflow or an activity."""
MAX_WRITTEN_ID_LENGTH = 3 * MAX_ID_BYTES
_ESCAPE = re.compile("=([0-9A-Fa-f]{2})")


def written(execution_id: str) -> str:
    """The ID as answers have it."""
    return quote(execution_id, safe=":@").replace("%", "=")


def read(text: str) -> str:
    """The ID that was written so. One that is not, such as `booking:trip 7`, is itself."""
    return unquote(_ESCAPE.sub(r"%\1", text.replace("%", "%25")))


WrittenId = Annotated[str, PlainSerializer(written, when_used="json")]
"""The ID of an invocation, in the body of an answer."""

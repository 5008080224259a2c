"""URLs in messages and log lines, without the secrets that they may have."""

import re

MAX_SHOWN_CHARACTERS = 500
_CREDENTIALS = re.compile(r"//[^/?#\s]*@")
_QUERY = re.compile(r"[?#].*", re.DOTALL)


def shown(url: object) -> str:
    """The URL with `***` for its credentials, and for its query and fragment. At most 500 characters."""
    without_query = _QUERY.sub(lambda rest: f"{rest[0][0]}***", str(url))
    return without_credentials(without_query)[:MAX_SHOWN_CHARACTERS]


def without_credentials(text: str) -> str:
    """The text with `***` for the credentials of each URL in it."""
    return _CREDENTIALS.sub("//***@", text)

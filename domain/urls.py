"""URLs in messages and log lines, without the secrets that they may have."""

import re

MAX_SHOWN_CHARACTERS = 500
HIDDEN = "***"
_CREDENTIALS = re.compile(r"//[^/?#\s]*@")
_QUERY = re.compile(r"[?#;].*", re.DOTALL)
_LONG_SEGMENT = re.compile(r"(?<=[^/]/)[^/?#;\s]{20,}")
"""A path segment that can be a token, as in the webhook URLs of chat services; UUIDs are as long."""
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+")


def shown(url: object) -> str:
    """The URL with `***` for its credentials, its query and fragment, and path segments of 20 characters and more.

    At most 500 characters.
    """
    without_credentials = _CREDENTIALS.sub(f"//{HIDDEN}@", str(url))
    without_query = _QUERY.sub(lambda rest: f"{rest[0][0]}{HIDDEN}", without_credentials)
    return _LONG_SEGMENT.sub(HIDDEN, without_query)[:MAX_SHOWN_CHARACTERS]


def without_secrets(text: str) -> str:
    """The text with each URL in it as `shown` does."""
    return _CREDENTIALS.sub(f"//{HIDDEN}@", _URL.sub(lambda url: shown(url[0]), text))

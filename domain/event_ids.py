"""Which events have been counted: the newest, in bounded memory."""

import hashlib

EVENTS_KEPT = 2_000
"""How many event IDs an invoice remembers: the newest."""
MAX_ID_LENGTH_KEPT = 64
"""A longer ID is remembered as a digest, so that the tracker's memory fits into one payload."""


def count_once(seen: dict[str, None], event_id: str) -> bool:
    """Whether `seen` did not have the event yet; from now on it has."""
    event_key = _short(event_id)
    if event_key in seen:
        return False
    seen[event_key] = None
    while len(seen) > EVENTS_KEPT:
        seen.pop(next(iter(seen)))
    return True


def _short(event_id: str) -> str:
    """Return a short, printable ASCII ID as it is, and the digest of any other."""
    if len(event_id) <= MAX_ID_LENGTH_KEPT and event_id.isascii() and event_id.isprintable():
        return event_id
    return hashlib.sha256(event_id.encode(errors="surrogatepass")).hexdigest()

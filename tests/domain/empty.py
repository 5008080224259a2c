"""A message body for tests that do not look at bodies."""

from domain.payload import Payload


class Empty(Payload):
    """A body without fields."""

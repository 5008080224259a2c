"""A message body, for tests in which only the message counts."""

from domain.payload import Payload


class Empty(Payload):
    """Nothing."""

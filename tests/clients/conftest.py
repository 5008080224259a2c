"""The server that the tests of workflows have."""

from tests.workflows.conftest import dev_server

__all__ = ["dev_server"]

"""The server of the tests of workflows."""

from tests.workflows.conftest import dev_server

__all__ = ["dev_server"]

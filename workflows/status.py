"""How an execution shows what it is doing: a status to search for, and a line of details in the Web UI."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.metrics import STATUS_CHANGES
from workflows.search_attributes import STATUS

FULL = "FULL"
"""The status of an entity that makes its senders wait."""


class StatusDisplay:
    """The status and details of one run. A new status costs one event in the history, new details cost none.

    The status that a run begins with costs nothing either, if it started with that one or is continued with it.
    """

    def __init__(self) -> None:
        self._shown: str | None = None

    def show(self, status: str, details: str, *, searchable: bool = True) -> None:
        """Show `status` and, after it, `details`: whole sentences.

        With `searchable` false, nothing is written: for a status that is over before anyone could search for it.
        """
        if status != self._shown:
            self._shown = status
            STATUS_CHANGES.count(workflow.metric_meter(), status=status)
        if searchable and workflow.info().typed_search_attributes.get(STATUS) != status:
            workflow.upsert_search_attributes([STATUS.value_set(status)])
        workflow.set_current_details(f"{status}. {details}")

    def show_details(self, details: str) -> None:
        """Show other details of the same status: a signal's handler may, since this is no command."""
        workflow.set_current_details(f"{self._shown}. {details}")

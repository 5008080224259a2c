"""Whether Temporal has what the application needs: its namespace, and the search attributes of executions."""

from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal_errors import is_without_namespace
from infra.readiness import NotReady
from workflows import search_attributes

_NOT_OFFERED = (RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED)
_KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD


class TemporalUnusable(NotReady):
    """Temporal cannot be reached, or not used as it is set up. `state` says which, in words for anyone."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(state, f"Temporal {state}: {reason}")


async def check_temporal(client: Client, patience: timedelta) -> None:
    """Raises `TemporalUnusable`. Each of two calls may take `patience`."""
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        await client.workflow_service.describe_namespace(request, timeout=patience)
        missing = await _missing_attributes(client, patience)
    except RPCError as error:
        if is_without_namespace(error):
            reason = f"{client.namespace!r}; create it, or set TEMPORAL_NAMESPACE"
            raise TemporalUnusable("does not have the namespace", reason) from None
        state = "cannot be reached" if error.status is RPCStatusCode.UNAVAILABLE else "cannot be used"
        raise TemporalUnusable(state, f"{error.status.name}: {error.message}") from None
    if missing:
        reason = f"{', '.join(missing)}; namespace {client.namespace!r} needs them with the type Keyword"
        raise TemporalUnusable("lacks search attributes", reason)


async def _missing_attributes(client: Client, patience: timedelta) -> list[str]:
    """Temporal Cloud, and servers that restrict operators' calls, may not say: none is then taken to be missing."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        listed = await client.operator_service.list_search_attributes(request, timeout=patience)
    except RPCError as error:
        if error.status in _NOT_OFFERED:
            return []
        raise
    return [key.name for key in search_attributes.ALL if listed.custom_attributes.get(key.name) != _KEYWORD]

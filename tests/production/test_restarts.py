"""What Temporal, as configured, does for workers that restart."""

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from tests.production.stack import ProductionStack


async def test_temporal_answers_the_open_polls_of_a_worker_that_stops(production: ProductionStack) -> None:
    """Then the SDK waits for the answers, and loses none that is under way: see `tests/workers/test_draining.py`."""
    client = await Client.connect(production.temporal_address)
    request = DescribeNamespaceRequest(namespace=client.namespace)
    answer = await client.workflow_service.describe_namespace(request)
    assert answer.namespace_info.capabilities.worker_poll_complete_on_shutdown

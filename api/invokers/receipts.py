"""Asks entities for the receipts of messages: a key gets one query at a time, however many callers wait for it.

While a worker is busy, Temporal keeps one query for each workflow and refuses the others ("consistent query buffer is
full"): fifty callers of one key would get a 503 from each other.
"""

import asyncio
from datetime import timedelta
from weakref import WeakValueDictionary

from pydantic import TypeAdapter
from temporalio.client import Client

from api.invokers.policies import QUERY_TIMEOUT
from clients.entities import RECEIPTS_QUERY
from domain.inbox import Receipt

MAX_MESSAGES = 100
"""How many one query asks for: its answer has their outcomes, and Temporal refuses one of more than 2 MiB."""
_ANSWER = TypeAdapter(dict[str, Receipt])


class _Question:
    """A query that is not sent yet. Callers add to it until it is."""

    def __init__(self) -> None:
        self.message_ids: set[str] = set()
        self.answer: asyncio.Task[dict[str, Receipt]]


class Receipts:
    """One per process. `timeout` is for one query, which needs a worker."""

    def __init__(self, client: Client, timeout: timedelta = QUERY_TIMEOUT) -> None:
        self._client = client
        self._timeout = timeout
        self._next: dict[str, _Question] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of(self, workflow_id: str, message_id: str) -> Receipt | None:
        """The receipt of a message, by a query sent after this call; None if the entity has none.

        Raises `RPCError`, with NOT_FOUND if the entity does not exist, and `WorkflowQueryFailedError`.
        """
        question = self._next.get(workflow_id)
        if question is None or len(question.message_ids) == MAX_MESSAGES:
            question = self._next[workflow_id] = _Question()
            question.answer = asyncio.create_task(self._ask(workflow_id, question))
        question.message_ids.add(message_id)
        # Its other callers still wait when one of them is cancelled.
        return (await asyncio.shield(question.answer)).get(message_id)

    async def _ask(self, workflow_id: str, question: _Question) -> dict[str, Receipt]:
        async with self._locks.setdefault(workflow_id, asyncio.Lock()):
            if self._next[workflow_id] is question:
                del self._next[workflow_id]
            handle = self._client.get_workflow_handle(workflow_id)
            message_ids = sorted(question.message_ids)
            return _ANSWER.validate_python(await handle.query(RECEIPTS_QUERY, message_ids, rpc_timeout=self._timeout))

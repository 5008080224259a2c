"""The systems that activities call, in memory: they record every call, and fail or wait if a test asks for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.invoice import InvoiceStatus
from domain.payment_tracker import ClosedInvoice, Reminder, Ticket
from domain.user_feed import Draft, PostStatus, Verdict

Clock = Callable[[], Awaitable[datetime]]


async def anytime() -> datetime:
    """A clock for tests that do not depend on the time."""
    return datetime(2024, 10, 10, tzinfo=UTC)


class Gate:
    """A point in a fake that a test can close. A call then waits in `passage`, and the test can wait for the call."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._reached = asyncio.Event()

    def close(self) -> None:
        self._open.clear()
        self._reached.clear()

    def open(self) -> None:
        self._open.set()

    async def reached(self) -> None:
        async with asyncio.timeout(60):
            await self._reached.wait()

    async def passage(self) -> None:
        self._reached.set()
        await self._open.wait()


@dataclass
class FakeBilling:
    now: Clock
    closed: dict[str, InvoiceStatus] = field(default_factory=dict)
    tickets: list[tuple[Ticket, datetime]] = field(default_factory=list)
    gate: Gate = field(default_factory=Gate)
    """Passed before a ticket is opened."""

    async def closed_as(self, invoice: str) -> InvoiceStatus | None:
        return self.closed.get(invoice)

    async def open_ticket(self, ticket: Ticket) -> None:
        await self.gate.passage()
        self.tickets.append((ticket, await self.now()))

    async def close(self, closed: ClosedInvoice) -> InvoiceStatus:
        if closed.status.replaces(self.closed.get(closed.invoice)):
            self.closed[closed.invoice] = closed.status
        return self.closed[closed.invoice]


@dataclass
class FakeMail:
    now: Clock
    sent: list[tuple[Reminder, datetime]] = field(default_factory=list)
    fault: Exception | None = None
    gate: Gate = field(default_factory=Gate)
    """Passed before a reminder is sent."""

    async def send_reminder(self, reminder: Reminder) -> None:
        await self.gate.passage()
        if self.fault is not None:
            raise self.fault
        self.sent.append((reminder, await self.now()))

    def numbers(self) -> list[int]:
        return [reminder.number for reminder, _ in self.sent]


@dataclass
class FakePosts:
    contents: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """`publish hello`: what was done, and the post's content."""

    async def create(self, user: str, drafts: list[Draft]) -> None:
        for draft in drafts:
            self.contents[draft.id] = draft.post.content
            self.calls.append(f"create {draft.post.content}")

    async def publish(self, user: str, post_ids: list[str]) -> None:
        self.calls.extend(f"publish {self.contents[post_id]}" for post_id in post_ids)

    async def set_status(self, post_ids: list[str], status: PostStatus) -> None:
        self.calls.extend(f"{status.lower()} {self.contents[post_id]}" for post_id in post_ids)

    def id_of(self, content: str) -> str:
        return next(post_id for post_id, known in self.contents.items() if known == content)

    def finished(self) -> list[str]:
        """The calls that ended a post's turn."""
        return [call for call in self.calls if not call.startswith("create")]


@dataclass
class FakeModeration:
    """Approves, unless a test has set a content's verdict. `asked` has the content of every question."""

    posts: FakePosts
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def ask(self, user: str, post_ids: list[str]) -> dict[str, Verdict]:
        contents = {post_id: self.posts.contents[post_id] for post_id in post_ids}
        self.asked.extend(contents.values())
        verdicts = {post_id: self.verdicts.get(content, Verdict.APPROVED) for post_id, content in contents.items()}
        return {post_id: verdict for post_id, verdict in verdicts.items() if verdict is not Verdict.PENDING}


@dataclass
class FakeSubtasks:
    """Returns `DONE`, or raises the errors that a test has set for a subtask, one per attempt."""

    faults: dict[str, list[Exception]] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    gate: Gate = field(default_factory=Gate)
    """Passed before every subtask without a gate of its own."""
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    running: int = 0
    most_running: int = 0

    async def run(self, key: str, subtask: str) -> str:
        self.keys.add(key)
        self.begun.append(subtask)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gates.get(subtask, self.gate).passage()
            await asyncio.sleep(0)
            if faults := self.faults.get(subtask):
                raise faults.pop(0)
        except asyncio.CancelledError:
            self.cancelled.append(subtask)
            raise
        finally:
            self.running -= 1
        self.ended.append(subtask)
        return "DONE"

"""A simulated content moderation service, over our own database."""

import zlib

from sqlalchemy import delete, select, update

from domain.user_feed import Verdict
from infra.database import Database
from infra.tables import ModerationCases, ModerationHolds, Posts

MAX_PENDING_ANSWERS = 2
SLOW_PENDING_ANSWERS = 12
"""With the default interval of 5 s, a minute."""


class SimulatedModeration:
    """Stands for a moderation API: pending for the first 0 to 2 questions, then a verdict.

    Content with the word `spam` is rejected, and one with the word `slow` is pending for longer. The posts of a user
    who is held back stay pending until released.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, user: str, post_ids: list[str]) -> dict[str, Verdict]:
        async with self._database.transaction() as connection:
            cases = ({"post_id": post_id, "user": user, "checks": 0} for post_id in post_ids)
            await self._database.insert_each_once(connection, ModerationCases, cases)
            count = update(ModerationCases).where(ModerationCases.post_id.in_(post_ids))
            await connection.execute(count.values(checks=ModerationCases.checks + 1))
            held = (await connection.execute(select(ModerationHolds).where(ModerationHolds.user == user))).first()
            asked = (
                select(Posts.id, Posts.content, ModerationCases.checks)
                .join(ModerationCases, ModerationCases.post_id == Posts.id)
                .where(Posts.id.in_(post_ids))
            )
            posts = (await connection.execute(asked)).all()
        if held is not None:
            return {}
        return {
            post.id: _verdict(post.content) for post in posts if post.checks > _pending_answers(post.id, post.content)
        }

    async def hold(self, user: str) -> None:
        async with self._database.transaction() as connection:
            await self._database.insert_once(connection, ModerationHolds, user=user)

    async def release(self, user: str) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(delete(ModerationHolds).where(ModerationHolds.user == user))


def _pending_answers(post_id: str, content: str) -> int:
    if "slow" in content.lower():
        return SLOW_PENDING_ANSWERS
    return zlib.crc32(post_id.encode()) % (MAX_PENDING_ANSWERS + 1)


def _verdict(content: str) -> Verdict:
    return Verdict.REJECTED if "spam" in content.lower() else Verdict.APPROVED

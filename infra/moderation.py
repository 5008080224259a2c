"""A simulated content moderation service, over our own database."""

import zlib

from sqlalchemy import delete, select, update

from domain.user_feed import Verdict
from infra.database import Database, ModerationCases, ModerationHolds, Posts

MOST_PENDING_ANSWERS = 2


class SimulatedModeration:
    """Stands for a moderation API: pending for the first 0 to 2 questions, then a verdict.

    Content with the word `spam` is rejected. The posts of a user who is held back stay pending until released.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def verdict(self, user: str, post_id: str) -> Verdict:
        async with self._database.transaction() as connection:
            await self._database.insert_once(connection, ModerationCases, post_id=post_id, user=user, checks=0)
            case = ModerationCases.post_id == post_id
            count = update(ModerationCases).where(case).values(checks=ModerationCases.checks + 1)
            checks = (await connection.execute(count.returning(ModerationCases.checks))).scalar_one()
            held = (await connection.execute(select(ModerationHolds).where(ModerationHolds.user == user))).first()
            content = (await connection.execute(select(Posts.content).where(Posts.id == post_id))).scalar_one()
        if held is not None or checks <= zlib.crc32(post_id.encode()) % (MOST_PENDING_ANSWERS + 1):
            return Verdict.PENDING
        return Verdict.REJECTED if "spam" in content.lower() else Verdict.APPROVED

    async def hold(self, user: str) -> None:
        async with self._database.transaction() as connection:
            await self._database.insert_once(connection, ModerationHolds, user=user)

    async def release(self, user: str) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(delete(ModerationHolds).where(ModerationHolds.user == user))

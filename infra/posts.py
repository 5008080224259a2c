"""Posts and feeds."""

from sqlalchemy import Update, func, select, update

from domain.user_feed import Draft, PostStatus
from infra.database import Database
from infra.tables import IN_REVIEW, FeedEntries, Posts


class PostStore:
    """Stores posts once per ID, and appends each to its user's feed once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, user: str, drafts: list[Draft]) -> None:
        async with self._database.transaction() as connection:
            rows = (
                {
                    "id": draft.id,
                    "user": user,
                    "content": draft.post.content,
                    "metadata": draft.post.metadata,
                    "status": PostStatus.PENDING,
                }
                for draft in drafts
            )
            await self._database.insert_each_once(connection, Posts, rows, unique="id")

    async def publish(self, user: str, post_ids: list[str]) -> None:
        """Append the posts in the order given. A lock on the user's first post keeps positions unique."""
        lock = select(Posts.id).where(Posts.user == user).order_by(Posts.sequence).limit(1).with_for_update()
        last = select(func.coalesce(func.max(FeedEntries.position), 0)).where(FeedEntries.user == user)
        known = select(FeedEntries.post_id).where(FeedEntries.post_id.in_(post_ids))
        async with self._database.transaction() as connection:
            await connection.execute(lock)
            position = (await connection.execute(last)).scalar_one()
            there = set((await connection.execute(known)).scalars())
            new = [post_id for post_id in dict.fromkeys(post_ids) if post_id not in there]
            entries = ({"user": user, "position": n, "post_id": i} for n, i in enumerate(new, position + 1))
            await self._database.insert_each_once(connection, FeedEntries, entries, unique="post_id")
            await connection.execute(_with_status(post_ids, PostStatus.PUBLISHED))

    async def in_review(self) -> int:
        """How many posts wait for a person, of all users."""
        async with self._database.transaction() as connection:
            return (await connection.execute(select(func.count()).select_from(Posts).where(IN_REVIEW))).scalar_one()

    async def set_status(self, post_ids: list[str], status: PostStatus) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(_with_status(post_ids, status))


def _with_status(post_ids: list[str], status: PostStatus) -> Update:
    return update(Posts).where(Posts.id.in_(post_ids)).values(status=status)

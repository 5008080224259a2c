"""Posts and feeds."""

from sqlalchemy import func, select, update

from domain.user_feed import Draft, PostStatus
from infra.database import Database, FeedEntries, Posts


class PostStore:
    """Stores posts once per ID, and appends each to its user's feed once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, user: str, drafts: list[Draft]) -> None:
        async with self._database.transaction() as connection:
            for draft in drafts:
                await self._database.insert_once(
                    connection,
                    Posts,
                    unique="id",
                    id=draft.id,
                    user=user,
                    content=draft.post.content,
                    details=draft.post.metadata,
                    status=PostStatus.PENDING,
                )

    async def publish(self, user: str, post_id: str) -> None:
        """Two posts of a user get two positions: the user's first post is the lock."""
        lock = select(Posts.id).where(Posts.user == user).order_by(Posts.sequence).limit(1).with_for_update()
        last = select(func.coalesce(func.max(FeedEntries.position), 0)).where(FeedEntries.user == user)
        async with self._database.transaction() as connection:
            await connection.execute(lock)
            position = (await connection.execute(last)).scalar_one() + 1
            await self._database.insert_once(
                connection, FeedEntries, unique="post_id", user=user, position=position, post_id=post_id
            )
            await connection.execute(update(Posts).where(Posts.id == post_id).values(status=PostStatus.PUBLISHED))

    async def set_status(self, post_id: str, status: PostStatus) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(update(Posts).where(Posts.id == post_id).values(status=status))

"""Posts in a topic, until the database has them published."""

from itertools import count

from benchmarks.compare.rows.calls import events_per_key
from benchmarks.compare.rows.kafka import grow, records_job, subscribed_topic, write_until
from benchmarks.compare.session import Measured, Session
from domain.user_feed import USER_FEED

USERS = 50
POSTS_PER_USER = 20
"""At least, so that the cost of posts is measured and not that of fifty new feeds."""


async def from_kafka(session: Session) -> Measured:
    topic = await subscribed_topic(session, USER_FEED.service, "processPost")
    numbers = count(1)

    async def measure(records: int) -> Measured:
        return await _measure(session, topic, f"u{next(numbers)}", records)

    await measure(USERS)  # the consumer joins, the topic is known
    return await grow(session, measure, first_records=POSTS_PER_USER * USERS)


async def _measure(session: Session, topic: str, prefix: str, records: int) -> Measured:
    """The posts are of new users. Afterwards each must be in a feed, once."""
    job = records_job(session, topic, "post", prefix=prefix, keys=USERS, numbers=range(records))
    query = "SELECT count(*) FROM posts WHERE user >= ? AND user < ? AND status = 'PUBLISHED'"

    async def all_are_published() -> bool:
        return session.system.count(query, f"{prefix}-", f"{prefix}.") >= records

    measured = await session.measure(lambda: write_until(session, job, all_are_published))
    session.expect("posts in feeds", records, "SELECT count(*) FROM feed_entries WHERE user LIKE ?", f"{prefix}-%")
    events = await events_per_key(session, USER_FEED, prefix, USERS)
    measured.events_per_unit = None if events is None else events * USERS / records
    return measured

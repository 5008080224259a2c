import asyncio

import pytest

from domain.user_feed import Draft, PostStatus, SocialMediaPost
from infra.database import Database
from infra.posts import PostStore
from infra.tables import FeedEntries, Posts
from tests.infra.rows import rows


@pytest.fixture
def posts(database: Database) -> PostStore:
    return PostStore(database)


def draft(post_id: str, content: str = "Hi! I made my first purchase!") -> Draft:
    return Draft(id=post_id, post=SocialMediaPost(content=content, metadata="public"))


async def feed(database: Database, user: str) -> list[tuple[int, str]]:
    return [(row.position, row.post_id) for row in await rows(database, FeedEntries) if row.user == user]


async def test_posts_are_stored_once_in_the_order_given(posts: PostStore, database: Database) -> None:
    await posts.create("ana", [draft("b"), draft("a")])
    await posts.create("ana", [draft("b"), draft("a"), draft("c")])
    stored = await rows(database, Posts)
    assert [(row.id, row.user, row.status) for row in stored] == [(i, "ana", "PENDING") for i in ("b", "a", "c")]
    assert {(row.content, row.metadata) for row in stored} == {("Hi! I made my first purchase!", "public")}


async def test_a_feed_has_its_posts_in_the_order_of_publication(posts: PostStore, database: Database) -> None:
    await posts.create("ana", [draft("a"), draft("b"), draft("c")])
    for post_id in ("c", "a", "c", "b", "a"):
        await posts.publish("ana", [post_id])
    assert await feed(database, "ana") == [(1, "c"), (2, "a"), (3, "b")]
    assert {row.status for row in await rows(database, Posts)} == {"PUBLISHED"}


async def test_posts_published_together_stand_in_the_order_given_once(posts: PostStore, database: Database) -> None:
    await posts.create("ana", [draft(post_id) for post_id in "abcd"])
    for post_ids in ("b", "cba", "bad"):
        await posts.publish("ana", list(post_ids))
    assert await feed(database, "ana") == [(1, "b"), (2, "c"), (3, "a"), (4, "d")]


async def test_positions_have_no_gap_whichever_process_publishes_at_once(
    posts: PostStore, database: Database, database_url: str
) -> None:
    other = Database(database_url)
    await posts.create("ana", [draft(f"a{n}") for n in range(25)])
    await posts.create("bob", [draft(f"b{n}") for n in range(25)])
    stores = (posts, PostStore(other))
    await asyncio.gather(*(s.publish(u, [f"{u[0]}{n}"]) for n in range(25) for u in ("ana", "bob") for s in stores))
    await other.close()
    for user in ("ana", "bob"):
        entries = await feed(database, user)
        assert [position for position, _ in entries] == list(range(1, 26))
        assert len({post_id for _, post_id in entries}) == 25


async def test_a_post_that_is_not_published_has_its_status_and_no_place_in_the_feed(
    posts: PostStore, database: Database
) -> None:
    await posts.create("ana", [draft("a"), draft("b")])
    await posts.set_status(["a"], PostStatus.REJECTED)
    await posts.set_status(["b"], PostStatus.IN_REVIEW)
    assert {row.id: row.status for row in await rows(database, Posts)} == {"a": "REJECTED", "b": "IN_REVIEW"}
    assert await feed(database, "ana") == []


async def test_the_longest_content_is_stored_whole(posts: PostStore, database: Database) -> None:
    longest = "👻" * 10_000
    await posts.create("ana", [draft("a", longest)])
    (stored,) = await rows(database, Posts)
    assert stored.content == longest


async def test_posts_in_review_are_counted(posts: PostStore) -> None:
    await posts.create("ana", [draft(post_id) for post_id in "abc"])
    await posts.set_status(["a", "b"], PostStatus.IN_REVIEW)
    assert await posts.in_review() == 2
    await posts.publish("ana", ["a"])
    assert await posts.in_review() == 1

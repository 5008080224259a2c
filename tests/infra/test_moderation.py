import pytest

from domain.user_feed import Draft, SocialMediaPost, Verdict
from infra.database import Database
from infra.moderation import MAX_PENDING_ANSWERS, SLOW_PENDING_ANSWERS, SimulatedModeration
from infra.posts import PostStore

ENOUGH = MAX_PENDING_ANSWERS + 1


@pytest.fixture
def moderation(database: Database) -> SimulatedModeration:
    return SimulatedModeration(database)


@pytest.fixture
async def posted(database: Database) -> list[str]:
    """IDs of 30 harmless posts by Ana."""
    ids = [f"post-{n}" for n in range(30)]
    drafts = [Draft(id=i, post=SocialMediaPost(content="Hello", metadata="public")) for i in ids]
    await PostStore(database).create("ana", drafts)
    return ids


async def answers(moderation: SimulatedModeration, post_id: str, times: int = ENOUGH) -> list[Verdict]:
    return [(await moderation.ask("ana", [post_id])).get(post_id, Verdict.PENDING) for _ in range(times)]


async def test_a_post_is_approved_after_none_one_or_two_pending_answers(
    moderation: SimulatedModeration, posted: list[str]
) -> None:
    seen = {tuple(await answers(moderation, post_id)) for post_id in posted}
    pending, approved = Verdict.PENDING, Verdict.APPROVED
    assert seen == {(approved,) * 3, (pending, approved, approved), (pending, pending, approved)}


async def test_posts_that_are_asked_about_together_are_decided_each_by_itself(
    moderation: SimulatedModeration, posted: list[str]
) -> None:
    decided = [len(await moderation.ask("ana", posted)) for _ in range(ENOUGH)]
    assert 0 < decided[0] < decided[1] < decided[2] == len(posted)


async def test_a_verdict_does_not_change(moderation: SimulatedModeration, posted: list[str]) -> None:
    assert set((await answers(moderation, posted[0], 10))[MAX_PENDING_ANSWERS:]) == {Verdict.APPROVED}


async def test_spam_is_rejected_in_capitals_too(moderation: SimulatedModeration, database: Database) -> None:
    spam = SocialMediaPost(content="Buy SPAM now", metadata="public")
    await PostStore(database).create("ana", [Draft(id="a", post=spam)])
    assert (await answers(moderation, "a"))[-1] is Verdict.REJECTED


async def test_a_slow_post_is_pending_for_longer_and_delays_no_other(
    moderation: SimulatedModeration, posted: list[str], database: Database
) -> None:
    slow = SocialMediaPost(content="This one is slow to moderate", metadata="public")
    await PostStore(database).create("ana", [Draft(id="a", post=slow)])
    asked = [await moderation.ask("ana", ["a", *posted]) for _ in range(SLOW_PENDING_ANSWERS + 1)]
    assert [verdicts.get("a") for verdicts in asked] == [None] * SLOW_PENDING_ANSWERS + [Verdict.APPROVED]
    assert len(asked[MAX_PENDING_ANSWERS]) == len(posted)


async def test_a_user_who_is_held_back_waits_until_released(moderation: SimulatedModeration, posted: list[str]) -> None:
    await moderation.hold("ana")
    await moderation.hold("ana")
    assert set(await answers(moderation, posted[0], 2 * ENOUGH)) == {Verdict.PENDING}
    await moderation.release("ana")
    await moderation.release("ana")
    assert await moderation.ask("ana", posted[:1]) == {posted[0]: Verdict.APPROVED}


async def test_holding_one_user_back_does_not_delay_another(moderation: SimulatedModeration, posted: list[str]) -> None:
    await moderation.hold("bob")
    assert (await answers(moderation, posted[0]))[-1] is Verdict.APPROVED

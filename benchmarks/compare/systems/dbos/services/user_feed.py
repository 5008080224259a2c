"""Posts that are moderated before they appear in a user's feed."""

from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

from benchmarks.compare.systems.dbos.consumer import Handle
from benchmarks.compare.systems.dbos.queues import POSTS
from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from domain.user_feed import Draft, PostStatus, SocialMediaPost, Verdict


def user_feed(systems: SimulatedSystems) -> Handle:
    """A record is put into a queue, by its user, who has one post at a time: so no user waits for another."""
    poll_seconds = systems.settings.moderation_poll_interval.total_seconds()

    @DBOS.step(name="create post")
    async def create(user: str, draft: Draft) -> None:
        await systems.posts.create(user, [draft])

    @DBOS.step(name="publish")
    async def publish(user: str, post_id: str) -> None:
        await systems.posts.publish(user, [post_id])

    @DBOS.step(name="reject")
    async def reject(post_id: str) -> None:
        await systems.posts.set_status([post_id], PostStatus.REJECTED)

    @DBOS.step(name="moderation")
    async def ask(user: str, post_id: str) -> Verdict:
        return (await systems.moderation.ask(user, [post_id])).get(post_id, Verdict.PENDING)

    @DBOS.workflow(name="UserFeed")
    async def process_post(user: str, post: SocialMediaPost) -> PostStatus:
        post_id = str(DBOS.workflow_id)
        await create(user, Draft(id=post_id, post=post))
        while (verdict := await ask(user, post_id)) is Verdict.PENDING:
            await DBOS.sleep_async(poll_seconds)
        if verdict is Verdict.APPROVED:
            await publish(user, post_id)
            return PostStatus.PUBLISHED
        await reject(post_id)
        return PostStatus.REJECTED

    async def handle(record_id: str, user: str, value: bytes) -> None:
        post = SocialMediaPost.model_validate_json(value)
        with SetWorkflowID(record_id), SetEnqueueOptions(queue_partition_key=user):
            await DBOS.enqueue_workflow_async(POSTS, process_post, user, post)

    return handle

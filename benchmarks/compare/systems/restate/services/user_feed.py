"""Posts that are moderated before they appear in a user's feed."""

import restate

from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from domain.user_feed import Draft, PostOutcome, PostStatus, SocialMediaPost, Verdict


def user_feed(systems: SimulatedSystems) -> restate.VirtualObject:
    """One post of a user after the other: store it, ask moderation until it answers, publish it."""
    feed = restate.VirtualObject("UserFeed")
    poll_interval = systems.settings.moderation_poll_interval

    @feed.handler("processPost")
    async def process_post(ctx: restate.ObjectContext, post: SocialMediaPost) -> PostOutcome:
        user, post_id = ctx.key(), str(ctx.uuid())
        await ctx.run_typed("create post", systems.posts.create, user=user, drafts=[Draft(id=post_id, post=post)])
        verdict = await moderate(ctx, user, post_id)
        if verdict is Verdict.APPROVED:
            await ctx.run_typed("publish", systems.posts.publish, user=user, post_ids=[post_id])
            return PostOutcome(post_id=post_id, status=PostStatus.PUBLISHED)
        await ctx.run_typed("reject", systems.posts.set_status, post_ids=[post_id], status=PostStatus.REJECTED)
        return PostOutcome(post_id=post_id, status=PostStatus.REJECTED)

    async def moderate(ctx: restate.ObjectContext, user: str, post_id: str) -> Verdict:
        while True:
            verdict = Verdict(await ctx.run_typed("moderation", ask, user=user, post_id=post_id))
            if verdict is not Verdict.PENDING:
                return verdict
            await ctx.sleep(poll_interval)

    async def ask(user: str, post_id: str) -> str:
        return str((await systems.moderation.ask(user, [post_id])).get(post_id, Verdict.PENDING))

    return feed

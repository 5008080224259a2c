"""A record can be followed in the log, from its topic to its outcome."""

import logging

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.user_feed import UserFeedActivities
from domain.inbox import Batch, Message
from domain.user_feed import USER_FEED, SocialMediaPost, Verdict
from tests.eventually import eventually
from tests.workflows.entity_key import serving
from tests.workflows.fakes import FakeModeration, FakePosts
from workflows.user_feed import UserFeed

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 vendor=1"


async def test_every_step_of_a_post_names_its_record_and_trace(
    time_skipping: WorkflowEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    posts = FakePosts()
    activities = UserFeedActivities(posts, FakeModeration(posts, {"no": Verdict.REJECTED}))
    messages = [
        Message[SocialMediaPost](
            id=f"posts-0-{offset}", body=SocialMediaPost(content=content, metadata=""), offset=offset, trace=trace
        )
        for offset, content, trace in ((41, "yes", TRACE), (42, "no", None))
    ]
    with caplog.at_level(logging.INFO, logger="temporalio"):
        async with serving(time_skipping.client, USER_FEED, UserFeed, activities) as key:
            await key.send_batch("processPost", Batch(source="c/posts/e/0", messages=messages))
            await eventually(lambda: len(posts.finished()) == 2)
    for content, named, last in (
        ("yes", f"posts-0-41 trace {TRACE}", "Updating user feed"),
        ("no", "posts-0-42", "Post"),
    ):
        lines = [record.getMessage() for record in caplog.records if named in record.getMessage()]
        post = posts.id_of(content)
        assert len(lines) == 4, lines
        assert lines[0].startswith(f"Post {post} is message {named}")
        assert all(f"(message {named})" in line for line in lines[1:])
        assert lines[3].startswith(last)

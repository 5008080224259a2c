"""What subscriptions may name."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from domain.allowed import ClusterAllowance, GroupNotAllowed, TopicNotAllowed, check_allowed
from domain.subscription import SubscriptionOptions, SubscriptionRequest

ALLOWED = TypeAdapter(dict[str, ClusterAllowance])
LIST = {"local": ["posts", "orders.*"]}
OBJECT = {
    "local": {
        "topics": ["posts"],
        "groups": ["patterns-*"],
        "tenants": {"acme": {"topics": ["acme-*"], "groups": ["shop"]}, "globex": ["globex-*"]},
    }
}


def check(allowed: object, topic: str, *, tenant: str = "default", group: str | None = None) -> None:
    request = SubscriptionRequest(
        source=f"kafka://local/{topic}",
        sink="service://UserFeed/processPost",
        options=SubscriptionOptions.model_validate({"group.id": group}),
    )
    check_allowed(request.subscription(tenant), ALLOWED.validate_python(allowed))


@pytest.mark.parametrize("topic", ["posts", "orders.new", "orders."])
def test_a_topic_that_the_setting_names_or_that_fits_its_pattern_is_allowed(topic: str) -> None:
    check(LIST, topic)


@pytest.mark.parametrize("allowed", [LIST, {}, {"local": []}, {"another": ["*"]}, {"local": ["*rivate"]}])
def test_another_topic_is_not_allowed_and_the_error_names_the_setting(allowed: object) -> None:
    with pytest.raises(TopicNotAllowed, match=r"KAFKA_ALLOWED does not let tenant 'default' .*'payroll-private-2'"):
        check(allowed, "payroll-private-2")


@pytest.mark.parametrize("topic", ["Posts", "posts2", "my-posts", "orders", "ordersXnew"])
def test_a_pattern_stands_for_the_whole_name(topic: str) -> None:
    with pytest.raises(TopicNotAllowed):
        check(LIST, topic)


@pytest.mark.parametrize("topic", ["__consumer_offsets", "__transaction_state", "__share_group_state", "__mine"])
def test_no_setting_allows_an_internal_topic(topic: str) -> None:
    with pytest.raises(TopicNotAllowed, match="internal"):
        check({"local": ["*", topic]}, topic)


@pytest.mark.parametrize("topic", ["posts.dead-letter", "another.dead-letter", ".dead-letter"])
def test_no_setting_allows_a_dead_letter_topic_as_a_source(topic: str) -> None:
    with pytest.raises(TopicNotAllowed, match="dead letters"):
        check({"local": ["*", topic]}, topic)


def test_dead_letter_topics_can_be_limited_further() -> None:
    narrow = {"local": {"topics": ["*"], "deadLetterTopics": ["orders.*.dead-letter"]}}
    check(narrow, "orders.new")
    with pytest.raises(TopicNotAllowed, match=r"dead-letter topic 'posts\.dead-letter' .* it has: orders"):
        check(narrow, "posts")


@pytest.mark.parametrize("group", ["patterns-1", None, "local.posts-UserFeed.processPost"])
def test_a_group_that_the_setting_names_and_the_subscriptions_own_are_allowed(group: str | None) -> None:
    check(OBJECT, "posts", group=group)


@pytest.mark.parametrize("group", ["payments-service", "patterns", "shop", "local.orders-UserFeed.processPost"])
def test_a_foreign_group_is_not_allowed(group: str) -> None:
    with pytest.raises(GroupNotAllowed, match=f"group.id '{group}' of cluster"):
        check(OBJECT, "posts", group=group)


def test_the_group_of_another_subscription_to_the_topic_is_never_allowed() -> None:
    with pytest.raises(GroupNotAllowed, match="another subscription to this topic"):
        check({"local": {"topics": ["*"], "groups": ["*"]}}, "posts", group="local.posts-PackageTracker.updateLocation")


def test_a_tenant_has_its_own_topics_and_groups_besides_the_shared_ones() -> None:
    check(OBJECT, "acme-orders", tenant="acme", group="shop")
    check(OBJECT, "posts", tenant="acme", group="patterns-1")
    check(OBJECT, "globex-orders", tenant="globex")
    for stranger in ("default", "globex", "acme2"):
        with pytest.raises(TopicNotAllowed, match=f"'{stranger}'") as refused:
            check(OBJECT, "acme-orders", tenant=stranger)
        assert "acme-*" not in str(refused.value)
        with pytest.raises(GroupNotAllowed):
            check(OBJECT, "posts", tenant=stranger, group="shop")


@pytest.mark.parametrize("group", ["acme/shop", "a b", "a\n", "é", "", "a" * 201])
def test_a_group_that_could_be_another_tenants_cannot_be_written(group: str) -> None:
    with pytest.raises(ValidationError):
        SubscriptionOptions.model_validate({"group.id": group})


@pytest.mark.parametrize("topic", [".", ".."])
def test_a_topic_that_kafka_cannot_have_cannot_be_written(topic: str) -> None:
    with pytest.raises(ValidationError, match="Kafka has no topics"):
        SubscriptionRequest(source=f"kafka://local/{topic}", sink="service://UserFeed/processPost")


@pytest.mark.parametrize(
    "setting",
    [
        "posts",
        ["a/b"],
        ["[a-z]"],
        [""],
        {"topic": ["posts"]},
        {"tenants": {"a/b": ["posts"]}},
        {"tenants": {"acme": {"deadLetterTopics": ["*"]}}},
        {"groups": ["acme/*"]},
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(setting: Any) -> None:
    with pytest.raises(ValidationError):
        ALLOWED.validate_python({"local": setting})

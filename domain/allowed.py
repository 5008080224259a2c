"""What subscriptions may name: topics, groups and dead-letter topics, by cluster, as the setting `KAFKA_ALLOWED` says.

The gateway checks it when a subscription is made, and before it reads or redrives dead letters; a worker before each
consumer begins, since the setting may have been narrowed after the subscription was made.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from domain.access import valid_tenant
from domain.errors import NotAllowed
from domain.subscription import DEAD_LETTER_SUFFIX, Subscription

INTERNAL_PREFIX = "__"
"""Kafka's own topics begin so: `__consumer_offsets`, `__transaction_state`, `__share_group_state`."""

TopicPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._*-]{1,249}$")]
GroupPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:@*-]{1,200}$")]
"""A name, in which `*` stands for any number of characters."""


class TopicNotAllowed(NotAllowed):
    """The topic can be no source, or the settings do not allow it or its dead-letter topic."""


class GroupNotAllowed(NotAllowed):
    """The settings do not allow this `group.id`."""


class Allowance(BaseModel):
    """What a tenant's subscriptions may name. A plain list is topics."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True)

    topics: tuple[TopicPattern, ...] = ()
    groups: tuple[GroupPattern, ...] = ()
    """For `group.id`. A group that is not chosen is named after its subscription, and needs no permission."""

    @model_validator(mode="before")
    @classmethod
    def _from_topics(cls, value: object) -> object:
        return {"topics": value} if isinstance(value, Sequence) and not isinstance(value, str) else value


class ClusterAllowance(Allowance):
    """What the subscriptions to one cluster may name: those of all tenants, and those of single ones besides."""

    dead_letter_topics: tuple[TopicPattern, ...] = (f"*{DEAD_LETTER_SUFFIX}",)
    """Those that workers may create and write to; by default that of each allowed topic."""
    tenants: dict[Annotated[str, AfterValidator(valid_tenant)], Allowance] = {}

    def topics_of(self, tenant: str) -> tuple[str, ...]:
        return self.topics + self.tenants.get(tenant, Allowance()).topics

    def groups_of(self, tenant: str) -> tuple[str, ...]:
        return self.groups + self.tenants.get(tenant, Allowance()).groups


def check_allowed(subscription: Subscription, allowed: Mapping[str, ClusterAllowance]) -> None:
    """Check what a subscription names. Raises `TopicNotAllowed`, `GroupNotAllowed`."""
    cluster = allowed.get(subscription.cluster, ClusterAllowance())
    tenant = subscription.tenant
    _check_source(subscription)
    if not _matches(subscription.topic, topics := cluster.topics_of(tenant)):
        raise TopicNotAllowed(_not_allowed(subscription, "subscribe to topic", subscription.topic, topics))
    if not _matches(subscription.dead_letter_topic, cluster.dead_letter_topics):
        raise TopicNotAllowed(
            _not_allowed(
                subscription, "use the dead-letter topic", subscription.dead_letter_topic, cluster.dead_letter_topics
            )
        )
    group = subscription.options.group_id
    if group is None or group == subscription.id:
        return
    if group.startswith(subscription.ids_of_topic):
        raise GroupNotAllowed(f"The group.id {group!r} is kept for another subscription to this topic: choose another.")
    if not _matches(group, groups := cluster.groups_of(tenant)):
        raise GroupNotAllowed(_not_allowed(subscription, "use the group.id", group, groups))


def _check_source(subscription: Subscription) -> None:
    """Raises `TopicNotAllowed` for what can be no source, whatever the settings say."""
    if subscription.topic.startswith(INTERNAL_PREFIX):
        raise TopicNotAllowed(internal(subscription.cluster, subscription.topic))
    if subscription.topic.endswith(DEAD_LETTER_SUFFIX):
        raise TopicNotAllowed(
            f"Topic {subscription.topic!r} of cluster {subscription.cluster!r} can be no source: it is for dead "
            "letters. Redrive them to the topic that they come from."
        )


def internal(cluster: str, topic: str) -> str:
    """Say that an internal topic can be no source."""
    return f"Topic {topic!r} of cluster {cluster!r} can be no source: it is internal to Kafka."


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _not_allowed(subscription: Subscription, what: str, name: str, patterns: Sequence[str]) -> str:
    return (
        f"KAFKA_ALLOWED does not let tenant {subscription.tenant!r} {what} {name!r} of cluster "
        f"{subscription.cluster!r}; it has: {', '.join(patterns) or 'none'}. "
        "Add the name there, for gateway and workers."
    )

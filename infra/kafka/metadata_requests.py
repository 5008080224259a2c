"""A question about a topic does not create it.

A broker with `auto.create.topics.enable=true`, Kafka's default, creates a topic that a client asks about, unless the
request forbids it. aiokafka allows it in each of its metadata requests and has no option: a topic that is deleted under
a consumer came back, empty. Consumers, producers and admin clients all build their requests with `MetadataRequest`, so
importing this package changes it for the whole process. Requests have the flag since version 4 (Kafka 0.11).
"""

from typing import Any

from aiokafka.protocol.metadata import MetadataRequest

_build = MetadataRequest.build


def _build_without_creation(request: MetadataRequest, struct: type[Any]) -> Any:
    request._allow_auto_topic_creation = False
    return _build(request, struct)


MetadataRequest.build = _build_without_creation

#!/bin/bash
# Create the missing topics. Existing topics are not changed.
set -eu

create() {
    /opt/kafka/bin/kafka-topics.sh --bootstrap-server "$BOOTSTRAP_SERVERS" \
        --create --if-not-exists --topic "$1" --partitions "$2"
}

for topic in social-media-posts package-location-updates; do
    create "$topic" "$PARTITIONS"
    create "$topic.dead-letter" 1
done

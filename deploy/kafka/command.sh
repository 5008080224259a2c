#!/bin/sh
# Run a Kafka script by its name without .sh: mounted as kafka-topics, this runs kafka-topics.sh.
exec "/opt/kafka/bin/$(basename "$0").sh" "$@"

#!/bin/sh
# Kafka's scripts by their plain names: mounted as kafka-topics, runs kafka-topics.sh.
exec "/opt/kafka/bin/$(basename "$0").sh" "$@"

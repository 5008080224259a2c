#!/bin/bash
# Start the broker with a cluster ID that belongs to its volume. The image's default ID is always the same: with it, a
# topic recreated on an empty volume would look like the old topic, and its records like redelivered ones.
set -eu

formatted=/var/lib/kafka/data/meta.properties
[ ! -f "$formatted" ] || CLUSTER_ID=$(sed -n 's/^cluster\.id=//p' "$formatted")
export CLUSTER_ID="${CLUSTER_ID:-$(/opt/kafka/bin/kafka-storage.sh random-uuid)}"
exec /etc/kafka/docker/run

#!/bin/bash
# Start the broker with a cluster ID of its volume's own. The image's ID is the same for everybody: with it,
# a topic made anew on an empty volume would look like the old one, and its records like redelivery.
set -eu

formatted=/var/lib/kafka/data/meta.properties
[ ! -f "$formatted" ] || CLUSTER_ID=$(sed -n 's/^cluster\.id=//p' "$formatted")
export CLUSTER_ID="${CLUSTER_ID:-$(/opt/kafka/bin/kafka-storage.sh random-uuid)}"
exec /etc/kafka/docker/run

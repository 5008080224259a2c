#!/bin/sh
# Create the namespace, set its retention, register the search attributes. Safe to repeat.
set -eu

# The server opens its port before it is ready, and takes some seconds to learn of a new namespace.
retry() {
    attempts=60
    until "$@"; do
        attempts=$((attempts - 1))
        [ "$attempts" -gt 0 ] || return 1
        sleep 1
    done
}

retry temporal operator cluster health
if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
else
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
fi
retry temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" \
    --name Pattern --type Keyword --name PatternKey --type Keyword --name PatternStatus --type Keyword

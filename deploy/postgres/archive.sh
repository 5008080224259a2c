#!/bin/sh
# Keep a full segment of the write-ahead log: PostgreSQL's archive_command. It is repeated until it succeeds.
#   archive.sh PATH NAME
set -eu

kept="/backups/wal/$2.gz"
if [ -e "$kept" ]; then # by an attempt whose success PostgreSQL did not learn of, or by another server
    gzip -dc "$kept" | cmp -s - "$1"
    exit
fi
mkdir -p /backups/wal
gzip -1 <"$1" >"$kept.partial"
sync "$kept.partial"
mv "$kept.partial" "$kept"
sync /backups/wal

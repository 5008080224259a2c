#!/bin/sh
# Copy all databases of a running PostgreSQL, and print the name of the copy. With WAL_ARCHIVE=on it can be restored to
# any time after its end (docs/backup.md).
set -eu

name=$(date -u +%Y%m%dT%H%M%SZ)
mkdir -p /backups/base
pg_basebackup --username=postgres --pgdata="/backups/base/$name.partial" --format=tar --gzip --checkpoint=fast
mv "/backups/base/$name.partial" "/backups/base/$name"
echo "$name"

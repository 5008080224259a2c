#!/bin/sh
# Fill the empty data folder of a PostgreSQL that does not run. When it starts, it brings itself to the time, or to the
# end of the archive, and serves no one before that (docs/backup.md).
#   restore.sh NAME ['2026-11-27 02:15:00+00']
set -eu

if [ -n "$(ls -A "$PGDATA")" ]; then
    echo "$PGDATA is not empty: nothing is restored. Move what is in it to another place first." >&2
    exit 1
fi
tar -xzf "/backups/base/$1/base.tar.gz" -C "$PGDATA"
tar -xzf "/backups/base/$1/pg_wal.tar.gz" -C "$PGDATA/pg_wal"
{
    echo "restore_command = 'gzip -dc </backups/wal/%f.gz >%p'"
    echo "recovery_target_time = '${2-}'"
    echo "recovery_target_action = promote"
    echo "hot_standby = off"
} >>"$PGDATA/postgresql.auto.conf"
touch "$PGDATA/recovery.signal"
chmod 700 "$PGDATA"

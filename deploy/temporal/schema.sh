#!/bin/sh
# Bring Temporal's two schemas to the version of this image. Safe to repeat; needed after every upgrade.
set -eu

schemas=${SCHEMAS:-/etc/temporal/schema/postgresql/v12}

migrate() {
    temporal-sql-tool --database "$1" setup-schema --version 0.0
    temporal-sql-tool --database "$1" update-schema --schema-dir "$schemas/$2/versioned"
}

migrate temporal temporal
migrate temporal_visibility visibility

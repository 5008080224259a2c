#!/bin/sh
# lock.sh UV : write the requirements files from pyproject.toml.
# Versions that still fit are kept; with UPGRADE=1 all become the newest that fit.
set -eu
uv=$1

# For every platform and every Python from 3.11, whichever Python runs this. Without the address of an index.
lock() {
    "$uv" pip compile --quiet ${UPGRADE:+--upgrade} --universal --python-version 3.11 \
        --generate-hashes --no-header --annotation-style line "$@"
}

lock --group lock --output-file requirements-lock.txt
lock pyproject.toml --output-file requirements.txt
lock pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt
lock pyproject.toml --group bench --constraint requirements-dev.txt --output-file requirements-bench.txt
lock --group audit --constraint requirements-dev.txt --output-file requirements-audit.txt
lock --group chart --constraint requirements-dev.txt --output-file requirements-chart.txt

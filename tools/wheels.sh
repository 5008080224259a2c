#!/bin/sh
# wheels.sh UV : check each requirements file on each platform and Python that the README names: every package has a
# wheel there, and what the packages require of each other is in the file too. Reads metadata only and installs nothing.
set -eu
uv=$1
nothing=$(mktemp -d)
trap 'rm -rf "$nothing"' EXIT
missing=0

for requirements in requirements*.txt; do
    for platform in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu aarch64-apple-darwin; do
        for python in 3.11 3.12 3.13 3.14; do
            # With dependencies: with --require-hashes one that the file lacks is an error.
            "$uv" pip install --dry-run --quiet --require-hashes --only-binary :all: --target "$nothing" \
                --python-platform $platform --python-version $python --requirement "$requirements" || {
                echo "$requirements does not install on $platform with Python $python" >&2
                missing=$((missing + 1))
            }
        done
    done
done
[ $missing -eq 0 ] && echo "Every locked package has a wheel on every platform."

#!/bin/sh
# sbom.sh CYCLONEDX_PY FILE : write what requirements.txt has as a CycloneDX 1.6 document, the same for the same lock.
# The requirements of each package are not in it: only an installed environment knows them, and that is one platform's.
set -eu

# The warning is about them.
PYTHONWARNINGS=ignore "$1" requirements --pyproject pyproject.toml --output-reproducible --spec-version 1.6 \
    --output-file "$2" requirements.txt
echo "$2: $(grep -c '"purl": "pkg:pypi/' "$2") packages."

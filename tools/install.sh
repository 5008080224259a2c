#!/bin/sh
# install.sh FOLDER REQUIREMENTS MEGABYTES : make FOLDER a virtual environment with the packages of REQUIREMENTS.
#
# REQUIREMENTS names every package with its version and hashes, so pip and uv choose nothing (--no-deps) and build
# nothing (--only-binary). MEGABYTES is what is downloaded, for the message. PYTHON, if set, is the Python to use.
# An environment that is complete is left as it is; any other is made from the beginning.
set -eu
venv=$1 requirements=$2 megabytes=$3
python=${PYTHON:-python3}

fail() {
    echo "$*" >&2
    exit 1
}

# Where packages go. Fails if the environment's Python was removed; another folder if its version has changed.
packages() {
    "$venv/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))' 2>/dev/null
}

# What a complete environment has a record of. With the folder, because programs in bin/ do not work in another.
contents() {
    (cd "$venv" && pwd -P)
    cat "$requirements"
}

is_supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

version() {
    "$1" -I -c 'import sys; print(sys.version)' 2>/dev/null
}

is_complete() {
    packages=$(packages) || return 1
    contents | cmp -s - "$packages/installed-requirements.txt" || return 1
    [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version "$venv/bin/python")" ]
}

install_with_uv() {
    uv venv --quiet --python "$python" "$venv"
    uv pip install --quiet --python "$venv/bin/python" \
        --no-deps --require-hashes --only-binary :all: --requirement "$requirements"
    uv pip check --quiet --python "$venv/bin/python"
}

install_with_pip() {
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
        --no-deps --require-hashes --only-binary :all: --requirement "$requirements"
    conflicts=$("$venv/bin/python" -m pip --disable-pip-version-check check) || fail "$conflicts"
}

! is_complete || exit 0

if command -v uv >/dev/null; then
    tool=uv time='seconds'
else
    tool=pip time='up to three minutes'
fi

if is_supported "$python"; then
    python=$(command -v "$python")
elif [ $tool = uv ] && [ -z "${PYTHON:-}" ]; then
    python='>=3.11,<3.15' # uv looks for one, and downloads it if there is none
else
    fail "Python 3.11 to 3.14 is needed, and $python is not: make install PYTHON=python3.13"
fi
[ $tool = uv ] || "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python has no venv module. Install it (Debian, Ubuntu: apt install python3-venv) or install uv."

if [ -e "$venv" ]; then
    [ -e "$venv/pyvenv.cfg" ] || fail "$venv is not a virtual environment: remove it, or move it to another place."
    rm -rf "$venv"
fi

echo "Installing $requirements into $venv with $tool: $megabytes MB to download, $time, only this once."
"install_with_$tool"
contents >"$(packages)/installed-requirements.txt"

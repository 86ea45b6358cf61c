#!/bin/sh
# Makes the virtual environment at $1 from the lock files. PYTHON names the interpreter to use. Parts of
# requirements/engine.lock may be missing, as some of them come from publishers who may withdraw them: if pip cannot
# install them together, each is tried alone.
set -eu
venv=$1
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or later is needed; $("$python" --version 2>&1 || echo "no $python here")." >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    sh "$(dirname "$0")/system-packages.sh" --required python
fi
echo "Setting up $venv (once, about a minute) ..."
"$python" -m venv "$venv"
install() {
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-warn-script-location \
        --require-hashes "$@"
}
install --requirement requirements/all.lock
if ! install --requirement requirements/engine.lock 2>/dev/null; then
    parts=$(mktemp -d)
    trap 'rm -r "$parts"' EXIT
    awk -v folder="$parts" '/^[[:alnum:]]/ { part = folder "/" $1 } { print > part }' requirements/engine.lock
    missing=
    for part in "$parts"/*; do
        install --no-deps --requirement "$part" 2>/dev/null || missing="$missing ${part##*/}"
    done
    [ -z "$missing" ] || echo "Not to be had:$missing. The emulator's engine does less without it;" \
        "$venv/bin/python -m emulator.engine.local says what." >&2
fi

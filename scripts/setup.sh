#!/bin/sh
# Makes the virtual environment at $1 from the lock files. PYTHON names the interpreter to use. The parts of
# requirements/engine.lock may be missing: some of them come from publishers who may withdraw them.
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
        --require-hashes --requirement "$1"
}
install requirements/all.lock
install requirements/engine.lock ||
    echo "Without these parts the emulator's engine recognises only its phrasebook, in synthetic voices." >&2

#!/bin/sh
# Quality first, then the tests; the first thing that does not hold ends it. $1: the virtual environment's bin folder.
set -eu
bin=$1
step() { printf '\n== %s\n' "$1"; }

step "format";           "$bin/ruff" format --check --quiet .
step "lint";             "$bin/ruff" check --quiet .
step "types";            "$bin/mypy"
step "import contracts"; "$bin/lint-imports" --no-cache | tail -n 8
step "branch coverage of the core, each module by its own test file"
"$bin/python" scripts/module_coverage.py
# Two at a time, file by file: many tests wait for real time or other processes. More would wait for each other.
step "tests";            "$bin/python" -m pytest -q -n 2 --dist loadfile

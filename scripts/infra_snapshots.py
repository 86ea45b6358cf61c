"""Writes what `infra/bicep` deploys into tests/infra/snapshots. Needs the Bicep compiler: `BICEP`, or on the path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.bicep_compiler import BicepCompiler, find_compiler
from tests.support.infra import write_snapshots

program = find_compiler()
if program is None:
    sys.exit("The Bicep compiler is needed: name it in BICEP, or put it on the path.")
with BicepCompiler(program) as compiler:
    write_snapshots(compiler)

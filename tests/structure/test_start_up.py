"""Which modules a command loads before it does anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.structure.sources import CHECKOUT


@pytest.mark.parametrize("module", ["stack.settings", "ops.status.keys"])
def test_reading_a_config_does_not_load_pulumi(module: str) -> None:
    """Importing Pulumi takes longer than everything else in a command of `ops` or a script of the workflows."""
    code = f"import sys, {module}; print(sorted({{'pulumi', 'grpc'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr

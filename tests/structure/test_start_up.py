"""What a command loads before it does anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.structure.sources import CHECKOUT


@pytest.mark.parametrize("room", ["stack.settings", "ops.status.keys"])
def test_whoever_only_reads_a_config_loads_no_pulumi(room: str) -> None:
    """Pulumi takes longer to import than all the rest, on each command of `ops` and each script of the workflows."""
    code = f"import sys, {room}; print(sorted({{'pulumi', 'grpc'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr

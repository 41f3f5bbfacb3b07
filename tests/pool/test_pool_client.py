"""The pool manager's Railway client is the program's own: the copy in pool/ equals its source."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from scripts.pool_client import COPY, TARGET, files

POOL = TARGET.parent


def test_the_copy_equals_its_source() -> None:
    wanted = files()
    there = {str(file.relative_to(TARGET)): file.read_text() for file in TARGET.rglob("*.py")}
    differ = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    assert not differ, f"pool/{COPY}: {', '.join(differ)} differ from convos_infra; run make pool-client"


def test_the_copy_imports_nothing_that_the_pool_managers_image_does_not_have() -> None:
    allowed = {COPY, "requests", *sys.stdlib_module_names}
    for file in TARGET.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, f"{file.name} imports {names}"


def test_the_pool_manager_is_imported_with_its_own_folder_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import convos_pool.serve, sys; print('convos_infra' in sys.modules)"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(POOL)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr

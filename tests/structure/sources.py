"""The project's Python files, parsed once, and the folders that a process imports together."""

from __future__ import annotations

import ast
import functools
import gc
import subprocess
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
CONTRACT = ("pool/pool_contract", "pool/railway_api")
PROGRAM = ("__main__.py", "stack", "components", "convos_infra", *CONTRACT)
GRAPHS = {
    "the program, and what people and CI run": (*PROGRAM, "ops"),
    "the pool manager": ("pool/convos_pool", *CONTRACT),
    "the emulator": ("emulator",),
}
"""The folders that a process imports together, by program."""


@dataclass(frozen=True)
class Module:
    """One file.

    Attributes:
        name: its path in the checkout.
        lines: how many it has.
        tree: its syntax tree.
    """

    name: str
    lines: int
    tree: ast.Module

    def of(self, folders: tuple[str, ...]) -> bool:
        return any(self.name == folder or self.name.startswith(f"{folder}/") for folder in folders)


def module(name: str, text: str) -> Module:
    return Module(name, len(text.splitlines()), ast.parse(text))


@functools.cache
def files(*patterns: str) -> tuple[str, ...]:
    """Return the files that git tracks or would add, without symbolic links."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(listed, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split("\0")
    here = (name for name in sorted(set(names)) if name)
    return tuple(name for name in here if (CHECKOUT / name).is_file() and not (CHECKOUT / name).is_symlink())


@functools.cache
def modules() -> tuple[Module, ...]:
    # The garbage collector would scan all trees again and again for nothing, and make this take seven times as long.
    gc.disable()
    try:
        return tuple(module(name, (CHECKOUT / name).read_text()) for name in files("*.py"))
    finally:
        gc.enable()

"""Builds pinned Go modules, if the vendor's site is out of reach but the Go module proxy is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from ops.toolchain.console import Step
    from ops.toolchain.pins import GoModule
    from ops.toolchain.store import Store

BUILD_SECONDS = 1800.0
"""The longest build measured was 195 s on 2 cores; a slow link or a laptop on battery may need several times that."""


def build(module: GoModule, store: Store, step: Step) -> None:
    """Build and install a module's programs, unless the cache already has them.

    Raises:
        ToolError: the build failed; the message has the log's path and the last line of the output.
    """
    digest = module.digest()
    if store.is_current(module.name, digest):
        return
    log = store.logs / f"go-{module.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    with store.workspace() as work:
        files = []
        for program, package, flags in module.commands:
            step.doing(f"building {program} from its Go module (minutes the first time)", slow=True)
            target = work / program
            _go(module, ["build", "-o", str(target), "-ldflags", flags, package], log)
            files.append(target)
        for source, path in module.scripts:
            folder = _go(module, ["list", "-m", "-f", "{{.Dir}}", source], log).strip()
            files.append(Path(shutil.copyfile(Path(folder) / path, work / Path(path).name)))
        store.install(module.name, digest, files)


def _go(module: GoModule, args: list[str], log: Path) -> str:
    """Run go in the module's folder, read-only: a module that is not in go.sum is refused, never added."""
    verb, *rest = args
    environment = {
        **os.environ,
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOWORK": "off",  # a user's workspace above this checkout must not change the build
        "CGO_ENABLED": "0",
    }
    try:
        done = subprocess.run(
            ["go", verb, *rest],
            cwd=module.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(
            module.name, f"go {verb} did not end in {BUILD_SECONDS:.0f} s", "run the command again"
        ) from None
    with log.open("a") as file:
        file.write(f"{time.strftime('%H:%M:%S')} go {' '.join(args)}\n{done.stderr}")
    if "SECURITY ERROR" in done.stderr:  # cmd/go/internal/modfetch: a module's hash differs from the one in go.sum
        problem = f"a Go module does not match {module.folder.name}/go.sum"
        raise ToolError(module.name, problem, f"do not use it; tell the maintainers; the whole output is in {log}")
    if done.returncode != 0:
        words = [line for line in done.stderr.splitlines() if not line.startswith("go: downloading")]
        last = words[-1] if words else f"exit code {done.returncode}"
        raise ToolError(module.name, f"go {verb} failed: {last}", f"its whole output is in {log}")
    return done.stdout

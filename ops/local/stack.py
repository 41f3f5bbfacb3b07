"""Runs the real Pulumi CLI on the local stack."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops.history.resource_changes import resource_changes
from ops.local import backend_files
from ops.local.process import MARK
from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

PROJECT, STACK = "convos-infra", "local"
"""Not from `ops.stacks`, which needs PyYAML: `make down` also runs without the virtual environment."""


def prepare(checkout: Path, state: Path, env: Mapping[str, str]) -> None:
    """Create the stack if there is none yet, and select it for the user's own `pulumi` commands.

    Raises:
        ToolError: Pulumi refused; the error has its last words.
    """
    if exists(state):
        return
    done = _run(checkout, env, "stack", "select", "--create", STACK, "--non-interactive")
    if done.returncode != 0:
        raise ToolError("pulumi stack select", _last(done.stderr), "make down starts afresh")


def exists(state: Path) -> bool:
    """Tell whether the stack is in the file backend; starting Pulumi for that would take 0.4 s."""
    return any((state / ".pulumi" / "stacks").glob(f"*/{STACK}.json"))


def settle(checkout: Path, state: Path, env: Mapping[str, str]) -> bool:
    """Clear the creates that a kill has interrupted, which Pulumi would keep for ever; tell whether there were any.

    Raises:
        ToolError: Pulumi refused; the error has its last words.
    """
    files = (state / ".pulumi" / "stacks").glob(f"*/{STACK}.json")
    if not any(backend_files.latest(file).get("pending_operations") for file in files):
        return False
    done = _run(checkout, env, "refresh", "--stack", STACK, "--yes", "--clear-pending-creates", "--non-interactive")
    if done.returncode != 0:
        raise ToolError("pulumi refresh", _last(done.stderr or done.stdout), "run make local again")
    return True


def up(checkout: Path, env: Mapping[str, str], mark: str, log: Path, *, refresh: bool = False) -> int:
    """Run `pulumi up`, show its builds and deployments, and return its exit code.

    Args:
        checkout: the program.
        env: a whole environment.
        mark: the mark by which Pulumi and its plugins are found after a crash, which they may survive.
        log: the file that takes what Pulumi prints.
        refresh: whether to refresh first: after a crash, less may exist than the state says.
    """
    # This needs the virtual environment, and `make down` must work without it.
    from ops.local import shown_update  # noqa: PLC0415

    argv = ["pulumi", "up", "--stack", STACK, "--yes", "--skip-preview", "--suppress-outputs"]
    argv += ["--non-interactive", "--color", "never", *(["--refresh"] if refresh else [])]
    # Pulumi gets the terminal's Ctrl-C itself and ends cleanly; an exception here would make us kill it, and a killed
    # Pulumi leaves its lock behind. A handler of ours, unlike SIG_IGN, is not inherited by the child.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return shown_update.run(argv, checkout=checkout, env={**env, MARK: mark}, log=log)
    finally:
        signal.signal(signal.SIGINT, before)


def outputs(checkout: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Return the stack's outputs with decrypted secrets: a caller that prints them has to mask them first.

    Raises:
        ToolError: the state cannot be read.
    """
    done = _run(checkout, env, "stack", "output", "--stack", STACK, "--json", "--show-secrets", "--non-interactive")
    if done.returncode != 0:
        raise ToolError("pulumi stack output", _last(done.stderr))
    found = json.loads(done.stdout or "{}")
    return found if isinstance(found, dict) else {}


def changed(checkout: Path, env: Mapping[str, str]) -> int | None:
    """Return how many resources the last update changed, by Pulumi's own history; None if that is not known."""
    done = _run(checkout, env, "stack", "history", "--stack", STACK, "--json", "--page-size", "1", "--page", "1")
    try:
        row = json.loads(done.stdout)[0]
        return sum(resource_changes(row).values()) if row["resourceChanges"] is not None else None
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def forget_salt(config: Path) -> bool:
    """Remove the salt line from a stack's config if nothing is encrypted with it; tell whether it is safe to forget.

    Pulumi adds `encryptionsalt` to Pulumi.local.yaml when it creates the stack. After the passphrase is deleted, the
    line would make the next stack fail with "incorrect passphrase", and git would show a change.
    """
    if not config.exists():
        return True
    text = config.read_text()
    if re.search(r"^\s+(- )?secure:|: *\{ *secure:|:\s+secure:", text, re.MULTILINE):
        return False
    kept = re.sub(r"^encryptionsalt:.*\n?", "", text, flags=re.MULTILINE)
    if kept != text:
        config.write_text(kept)
    return True


def _run(checkout: Path, env: Mapping[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["pulumi", *args], cwd=checkout, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"

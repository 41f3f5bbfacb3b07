"""The real Pulumi CLI on the local stack, its output streamed as it comes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

STACK = "local"


def prepare(checkout: Path, state: Path, env: Mapping[str, str]) -> None:
    """Make the stack if there is none yet, and select it for the `pulumi` that a person types.

    Raises:
        ToolError: Pulumi refused, in its own last words.
    """
    if exists(state):
        return
    done = _run(checkout, env, "stack", "select", "--create", STACK, "--non-interactive")
    if done.returncode != 0:
        raise ToolError("pulumi stack select", _last(done.stderr), "make down starts afresh")


def exists(state: Path) -> bool:
    """Say whether the stack is in the file backend; starting Pulumi to learn that would take 0.4 s."""
    return any((state / ".pulumi" / "stacks").glob(f"*/{STACK}.json"))


def up(checkout: Path, env: Mapping[str, str], *, refresh: bool = False) -> int:
    """Run `pulumi up`, its output going where ours goes, and return its exit code.

    Args:
        checkout: the program.
        env: a whole environment.
        refresh: compare with what is there first: after a crash less may be there than the state says.
    """
    sys.stdout.flush()
    argv = ["pulumi", "up", "--stack", STACK, "--yes", *(["--refresh"] if refresh else [])]
    if not sys.stdout.isatty():
        argv += ["--non-interactive", "--color", "never"]
    # Pulumi gets the terminal's Ctrl-C itself and ends in order; an exception here would make us kill it, and a killed
    # Pulumi leaves its lock behind. A handler of ours, unlike SIG_IGN, is not inherited by the child.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(argv, cwd=checkout, env=dict(env), stdin=subprocess.DEVNULL).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def outputs(checkout: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Return the stack's outputs, secrets opened: whoever prints them masks them first.

    Raises:
        ToolError: the state cannot be read.
    """
    done = _run(checkout, env, "stack", "output", "--stack", STACK, "--json", "--show-secrets", "--non-interactive")
    if done.returncode != 0:
        raise ToolError("pulumi stack output", _last(done.stderr))
    found = json.loads(done.stdout or "{}")
    return found if isinstance(found, dict) else {}


def changed(checkout: Path, env: Mapping[str, str]) -> int | None:
    """Return how many resources the last update changed, by Pulumi's own history; None when it does not tell."""
    done = _run(checkout, env, "stack", "history", "--stack", STACK, "--json", "--page-size", "1", "--page", "1")
    try:
        counts = json.loads(done.stdout)[0]["resourceChanges"]
    except (ValueError, LookupError, TypeError):
        return None
    return sum(int(count) for what, count in counts.items() if what not in ("same", "read"))


def forget_salt(config: Path) -> bool:
    """Take the salt line out of a stack's config, where nothing is encrypted with it; say whether it is safe to forget.

    Pulumi adds `encryptionsalt` to Pulumi.local.yaml when it makes the stack. With the passphrase gone the line would
    make the next stack fail with "incorrect passphrase", and it would be a change in git that nobody made.
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

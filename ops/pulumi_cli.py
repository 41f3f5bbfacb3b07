"""Runs Pulumi's CLI for commands and workflows: its output goes to the log while it runs, secrets masked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convos_infra.errors import InfraError
from convos_infra.explanations import SEE
from ops.printable import log_line
from railway_api.redact import redact

CHECKOUT = Path(__file__).resolve().parent.parent
QUIET = ("--non-interactive", "--color", "never")
SECRETS = (
    *("RAILWAY_API_TOKEN", "POOL_RAILWAY_API_TOKEN", "REGISTRY_PASSWORD", "PULUMI_ACCESS_TOKEN"),
    *("PULUMI_CONFIG_PASSPHRASE", "GITHUB_TOKEN", "NOTIFY_WEBHOOK_URL"),
)

PARALLEL = {"PULUMI_PARALLEL": "64"}
"""Services that change at the same moment share a patch (docs/decisions/0030); Pulumi's default is four a core."""
EMPTY_IS_MEANT = "PULUMI_EMPTY_PASSPHRASE_IS_MEANT"


class PulumiError(InfraError):
    """Pulumi ended with an error; its own words are in the job's log."""


@dataclass(frozen=True)
class Ran:
    """A command that ended: what it printed on both streams, secrets masked, and its exit code."""

    text: str
    code: int


@dataclass(frozen=True)
class Pulumi:
    """The CLI for one stack.

    Args:
        stack: its name.
        folder: the checkout.
        extra: variables beside the process's own.
    """

    stack: str
    folder: Path = CHECKOUT
    extra: Mapping[str, str] | None = None

    def run(self, *arguments: str, show: bool = True) -> Ran:
        """Run a command for the stack and return how it ended, whatever that is."""
        lines = []
        check_passphrase(self._environment())
        command = ["pulumi", *arguments, "--stack", self.stack, *QUIET]
        try:
            started = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except FileNotFoundError:
            raise _missing() from None
        with started as process:
            for line in process.stdout or ():
                lines.append(masked(line))
                if show:
                    sys.stdout.write(log_line(lines[-1]))
                    sys.stdout.flush()
        return Ran("".join(lines), process.returncode)

    def do(self, *arguments: str) -> str:
        """Run a command that has to succeed, and return what it printed.

        Raises:
            PulumiError: it did not.
        """
        ran = self.run(*arguments)
        if ran.code != 0:
            raise PulumiError(self.stack, f"pulumi {arguments[0]}: {last_error(ran.text)}")
        return ran.text

    def read(self, *arguments: str) -> Any:
        """Run a command with `--json` and return what it says; its other words go to the log.

        Raises:
            PulumiError: it failed, or printed something else.
        """
        done = self._asked([*arguments, "--json"])
        sys.stderr.write("".join(map(log_line, masked(done.stderr).splitlines(keepends=True))))
        try:
            found = json.loads(done.stdout)
        except ValueError:
            found = None
        if done.returncode != 0 or found is None:
            words = last_error(masked(done.stderr)) if found is None else _diagnostic(found)
            raise PulumiError(self.stack, f"pulumi {arguments[0]}: {words}")
        return found

    def state(self) -> dict[str, Any]:
        """Return the stack's state with its secrets decrypted: only names from it may be shown.

        Raises:
            PulumiError: it cannot be read.
        """
        return self.exported("--show-secrets")

    def exported(self, *how: str) -> dict[str, Any]:
        """Return the stack's state, secrets encrypted unless `how` opens them.

        Raises:
            PulumiError: it cannot be read.
        """
        done = self._asked(["stack", "export", *how])
        if done.returncode != 0:
            raise PulumiError(self.stack, f"pulumi stack export: {last_error(masked(done.stderr))}")
        return dict(json.loads(done.stdout))

    def encrypt(self, path: str, value: str, *, file: Path | None = None) -> None:
        """Encrypt a value into the stack's config; it goes through a pipe, because any user can read arguments.

        Args:
            path: the key, with a dot into an object.
            value: at least one character, without a line break at its end, which Pulumi would remove.
            file: the config's file; None takes the stack's own.

        Raises:
            PulumiError: Pulumi refused it.
        """
        where = ["--config-file", str(file)] if file is not None else []
        done = self._asked(["config", "set", "--secret", "--path", path, *where], value)
        if done.returncode != 0:
            problem = redact(last_error(masked(done.stderr)), [value])
            raise PulumiError(self.stack, f"pulumi config set {path}: {problem}")

    def _asked(self, arguments: Sequence[str], given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command of the stack with nothing but `given` on its standard input; nothing of it is shown."""
        check_passphrase(self._environment())
        command = ["pulumi", *arguments, "--stack", self.stack, *QUIET]
        return _called(command, self.folder, self._environment(), given)

    def _environment(self) -> dict[str, str]:
        return {**PARALLEL, **os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true", **(self.extra or {})}


def check_passphrase(environ: Mapping[str, str], *, makes_stack: bool = False) -> None:
    """Refuse a passphrase that is empty by mistake: a job exports a secret that is not set as an empty variable.

    Pulumi would accept it, and anyone could decrypt what it encrypts. Pulumi Cloud needs no passphrase.

    Args:
        environ: Pulumi's environment.
        makes_stack: whether the command may create a stack; then it is refused outside of a workflow as well.

    Raises:
        PulumiError: it is empty, and `EMPTY_IS_MEANT` does not confirm that.
    """
    if environ.get("PULUMI_CONFIG_PASSPHRASE") != "" or environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        return
    backend = environ.get("PULUMI_BACKEND_URL", "")
    if backend.startswith("https://") or (not backend and environ.get("PULUMI_ACCESS_TOKEN")):
        return
    if not (makes_stack or environ.get("GITHUB_ACTIONS")) or environ.get(EMPTY_IS_MEANT) == "true":
        return
    problem = "is empty: secrets of the stack's config would open without a passphrase"
    step = f"set the secret for this environment on GitHub, or {EMPTY_IS_MEANT}=true if empty is meant"
    raise PulumiError("PULUMI_CONFIG_PASSPHRASE", problem, step)


def stacks(folder: Path = CHECKOUT) -> list[dict[str, Any]]:
    """Return every stack of the project in the backend, as `pulumi stack ls --json` does.

    Raises:
        PulumiError: the backend does not answer; an empty list would mean that it has no stack.
    """
    command = ["pulumi", "stack", "ls", "--json", *QUIET]
    done = _called(command, folder)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        found = None
    if done.returncode != 0 or not isinstance(found, list):
        raise _no_backend("stack ls", done.stderr)
    return [dict(row) for row in found]


def backend_url(folder: Path = CHECKOUT) -> str:
    """Return the URL of the backend that Pulumi is logged in to.

    Raises:
        PulumiError: Pulumi is not logged in, or the backend does not answer.
    """
    command = ["pulumi", "whoami", "--json", *QUIET]
    done = _called(command, folder)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        found = None
    if done.returncode != 0 or not isinstance(found, dict) or not found.get("url"):
        raise _no_backend("whoami", done.stderr)
    return str(found["url"])


def select(stack: str, folder: Path = CHECKOUT) -> None:
    """Select a stack, and create it if the backend does not have it.

    Raises:
        PulumiError: the backend does not answer, or refuses.
    """
    check_passphrase(os.environ, makes_stack=True)
    command = ["pulumi", "stack", "select", "--create", stack, *QUIET]
    done = _called(command, folder)
    if done.returncode != 0:
        raise PulumiError(stack, f"pulumi stack select: {last_error(masked(done.stderr))}")


def ensure(stack: str, folder: Path = CHECKOUT) -> None:
    """Create a stack if the backend does not have it; the selected stack stays selected.

    Raises:
        PulumiError: the backend does not answer, or refuses.
    """
    if any(row.get("name") == stack for row in stacks(folder)):
        return
    check_passphrase(os.environ, makes_stack=True)
    command = ["pulumi", "stack", "init", "--no-select", stack, *QUIET]
    done = _called(command, folder)
    if done.returncode != 0:
        raise PulumiError(stack, f"pulumi stack init: {last_error(masked(done.stderr))}")


def _called(
    command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=folder, env=env, input=given, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise _missing() from None


def _no_backend(asked: str, words: str) -> PulumiError:
    if "PULUMI_ACCESS_TOKEN must be set" in words:
        step = "set PULUMI_BACKEND_URL, or run pulumi login; the stack local needs make local"
        return PulumiError("pulumi", "is not logged in to a backend", step)
    return PulumiError("pulumi", f"{asked}: {last_error(masked(words))}")


def _missing() -> PulumiError:
    return PulumiError("pulumi", "is not on PATH", "run: make toolchain; make and ops/run put it on PATH")


def forget_unfinished(stack: str) -> str:
    """Return the command that clears from a stack's state the operations that an update did not finish.

    Without the flag, and without a terminal to ask at, Pulumi keeps an interrupted creation in the state, also at every
    later update. Clearing it loses nothing: a creation first looks for an existing resource with that name.
    """
    return f"pulumi refresh --clear-pending-creates --stack {stack}"


def masked(text: str) -> str:
    """Return a text without the secrets that the process was given."""
    return redact(text, [value for name in SECRETS if (value := os.environ.get(name, ""))])


def last_error(text: str) -> str:
    """Return the last line of an output that says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.partition("error: ")[2] for line in lines if "error: " in line]
    # Pulumi prints its errors in no order: one that only points to the first one says nothing alone.
    whole = [error for error in errors if SEE not in error]
    return (whole or errors or lines or ["no reason given"])[-1][:500]


def _diagnostic(document: Mapping[str, Any]) -> str:
    said = [row for row in document.get("diagnostics") or [] if row.get("severity") == "error"]
    messages = [str(row.get("message", "")) for row in said]
    whole = [message for message in messages if SEE not in message]
    return masked(last_error((whole or messages)[-1])) if said else "failed"

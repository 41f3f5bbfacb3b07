"""A checkout of its own with a local stack of its own: what a newcomer has after `git clone && make local`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
QUIET = ("--non-interactive", "--color", "never")
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended."""

    code: int
    text: str


@dataclass
class LocalStack:
    """A checkout with its local stack.

    Attributes:
        checkout: the folder.
        first: what the first `make local` printed.
        printed: everything that any command printed, for the tests that look for secrets.
    """

    checkout: Path
    first: Done = field(default_factory=lambda: Done(-1, ""))
    printed: list[str] = field(default_factory=list)

    def make(self, target: str, *variables: str, seconds: float = 900.0) -> Done:
        """Run a target of the Makefile as a person does."""
        return self._run(["make", "--no-print-directory", target, *variables], seconds)

    def pulumi(self, *arguments: str, seconds: float = 300.0, env: dict[str, str] | None = None) -> Done:
        """Run the real Pulumi CLI in a shell that sourced `.local/env`."""
        return self.shell("pulumi", *arguments, seconds=seconds, env=env)

    def shell(self, *argv: str, seconds: float = 300.0, env: dict[str, str] | None = None) -> Done:
        """Run a command in a shell that sourced `.local/env`."""
        return self._run(["/bin/sh", "-c", '. .local/env; exec "$@"', "sh", *argv], seconds, env)

    def up(self, *arguments: str, env: dict[str, str] | None = None) -> Done:
        """Run `pulumi up` without the preview before it, which takes as long again: `preview` is asked by itself.

        `make local` goes by both.
        """
        return self.pulumi("up", "--stack", "local", "--yes", "--skip-preview", *QUIET, *arguments, env=env)

    def preview(self, *arguments: str, env: dict[str, str] | None = None) -> Done:
        """Run `pulumi preview --diff`."""
        return self.pulumi("preview", "--stack", "local", "--diff", *QUIET, *arguments, env=env)

    def plan(self) -> dict[str, Any]:
        """Return what `ops preview --json` says; what Pulumi said before it stands in the same text."""
        done = self.shell("python", "-m", "ops", "preview", "--stack", "local", "--json")
        assert done.code == 0, done.text
        found: dict[str, Any] = json.JSONDecoder().raw_decode(done.text[done.text.index('{\n  "stack"') :])[0]
        return found

    def set(self, key: str, value: str, *more: str) -> None:
        """Set a key of the stack's config."""
        done = self.pulumi("config", "set", "--stack", "local", *more, key, value)
        assert done.code == 0, done.text

    def unset(self, key: str) -> None:
        """Remove a key of the stack's config."""
        self.pulumi("config", "rm", "--stack", "local", key)

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets opened."""
        argv = ["/bin/sh", "-c", ". .local/env; exec pulumi stack output --stack local --json --show-secrets"]
        done = subprocess.run(argv, cwd=self.checkout, capture_output=True, text=True, timeout=60, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def push_image(self, revision: str) -> str:
        """Build the runtime image of a revision, push it, and return its tag."""
        location = self.outputs()["image"]["reference"].partition("@")[0].rpartition(":")[0]
        tag = f"sha-{revision[:7]}"
        argv = ("ops/image/build.sh", "--push", "runtime", f"{location}:{tag}")
        done = self.shell(*argv, env={"REVISION": revision})
        assert done.code == 0, done.text
        return tag

    def state(self) -> str:
        """Return the text of the state file."""
        return (next((self.checkout / ".local" / "state").glob(".pulumi/stacks/*/local.json"))).read_text()

    def services(self) -> dict[str, Any]:
        """Return what runs where."""
        found: dict[str, Any] = json.loads((self.checkout / ".local" / "services.json").read_text())
        return found

    def tell(self, path: str, document: dict[str, Any]) -> Any:
        """Turn one of the emulator's switches."""
        return self.emulator(path, "POST", document)

    def emulator(self, path: str, method: str = "GET", document: dict[str, Any] | None = None) -> Any:
        """Ask the emulator's switches."""
        # Not by the stack's outputs: opening their secrets costs the CLI a third of a second of a processor.
        address = self.services()["services"]["emulator"]["address"]
        token = (self.checkout / ".local" / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"http://{address}/_emulator{path}", body, headers, method=method)
        with NO_PROXY.open(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def calls(self) -> list[dict[str, Any]]:
        """Return the ledger without the pool manager's own calls: it looks at its agents all the time."""
        return [call for call in self.emulator("/calls") if call["client"] != "convos-pool"]

    def cost(self) -> list[tuple[str, str]]:
        """Return which mutation made how many deployments of which service, oldest first; and forget them."""
        calls = self.calls()
        self.emulator("/calls", "DELETE")
        names = self._deployments()
        return [
            (call["operation"], ",".join(names.get(id_, "?") for id_ in call["deployments"]))
            for call in calls
            if call["type"] == "mutation"
        ]

    def _deployments(self) -> dict[str, str]:
        snapshot = self.emulator(f"/snapshot?environment={self.outputs()['environment']['id']}")
        services = {row["id"]: row["name"] for row in snapshot["service"]}
        return {row["id"]: services[row["serviceId"]] for row in snapshot["deployment"]}

    def _run(self, argv: Sequence[str], seconds: float, env: dict[str, str] | None = None) -> Done:
        kept = {
            key: value
            for key, value in os.environ.items()
            if key not in ("PYTEST_CURRENT_TEST", "MAKEFLAGS", "MAKELEVEL")
        }
        given = {**kept, **(env or {})}
        # Into a file: what a command leaves running may hold a pipe open, and whoever reads it waits for ever.
        with tempfile.TemporaryFile("w+") as out:
            process = subprocess.Popen(
                argv,
                cwd=self.checkout,
                env=given,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                code = None
            out.seek(0)
            text = out.read()
        self.printed.append(text)
        assert code is not None, f"{argv} took more than {seconds:.0f} s and printed: {text}"
        return Done(code, text)


def copied(target: Path) -> Path:
    """Clone this checkout with what is not committed yet; its virtual environment and tools are shared."""
    git = ("git", "-c", "protocol.file.allow=always", "-c", "safe.directory=*")
    subprocess.run([*git, "clone", "--quiet", "--local", str(ROOT), str(target)], check=True, capture_output=True)
    listed = subprocess.run(
        [*git, "ls-files", "-z", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source, copy = ROOT / name, target / name
        if not source.is_file():
            copy.unlink(missing_ok=True)
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
    config = target / "Pulumi.local.yaml"
    mine = ("encryptionsalt", "  convos-infra:imageTag")
    config.write_text("".join(line for line in config.read_text().splitlines(True) if not line.startswith(mine)))
    (target / ".cache").symlink_to(ROOT / ".cache")
    (target / ".venv").symlink_to(ROOT / ".venv")
    return target


@contextmanager
def local_stack(folder: Path) -> Iterator[LocalStack]:
    """Bring a stack up with `make local`, and take it down with `make down`."""
    stack = LocalStack(copied(folder / "convos infra"))
    try:
        stack.first = stack.make("local")
        assert stack.first.code == 0, stack.first.text
        yield stack
    finally:
        stack.make("down", "FORCE=1")

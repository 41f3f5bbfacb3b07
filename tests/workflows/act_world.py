"""A repository whose workflows run by act, with its third-party actions replaced."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
COMMIT = "3b8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c"
STANDINS = {
    "actions/checkout": "checkout",
    "docker/setup-buildx-action": "setup-buildx",
    "docker/login-action": "login",
    "docker/metadata-action": "metadata",
    "docker/build-push-action": "build-push",
}
MAKEFILE = """\
script:
\t@echo "$$GITHUB_JOB make $(RUN) stack=$$STACK image=$$IMAGE digest=$$DIGEST packages=$$PACKAGES" >> "$$STANDIN_NOTES"
"""
"""Takes the place of the real front door in the deploy's job: what it is given is what matters here."""


@dataclass(frozen=True)
class Run:
    """A run of a workflow.

    Attributes:
        code: act's exit code.
        text: its log.
        notes: what the stand-ins noted, in order: `JOB WORD …`.
        jobs: job -> success or failure; what was skipped is not here.
    """

    code: int
    text: str
    notes: list[str]
    jobs: dict[str, str]

    def of(self, word: str) -> list[str]:
        """Return the notes that have a word."""
        return [note for note in self.notes if word in note.split()]


class World:
    """A repository with our workflows, in which act runs."""

    def __init__(self, folder: Path, act: str, registry: str, files: Mapping[str, str] | None = None) -> None:
        self.folder, self.act, self.registry = folder, act, registry
        self.repository = folder / "repository"
        self.packages = f"{registry}/xmtplabs"
        self.image = f"{self.packages}/convos-runtime"
        for name in (".github", "ops", "pool", "runtime"):
            ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".env")
            shutil.copytree(CHECKOUT / name, self.repository / name, ignore=ignored)
        for path, content in {"Makefile": MAKEFILE, **(files or {})}.items():
            (self.repository / path).write_text(content)
        for command in (
            ["init", "--quiet", "--initial-branch", "main"],
            ["remote", "add", "origin", "https://github.com/xmtplabs/convos-managed-agent-runtime.git"],
            ["add", "--all"],
            ["commit", "--quiet", "--message", "all"],
            *(
                ["update-ref", f"refs/remotes/origin/{branch}", "HEAD"]
                for branch in ("scaling", "dev", "staging", "main")
            ),
        ):
            self.git(*command)
        self.commit = self.git("rev-parse", "HEAD")

    def git(self, *command: str, stdin: str = "") -> str:
        """Run git in the repository, and return what it says."""
        who = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
        done = subprocess.run(
            ["git", *who, *command], cwd=self.repository, input=stdin, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def owner(self, name: str) -> None:
        """Have the repository belong to somebody else."""
        url = f"https://github.com/{name}/convos-managed-agent-runtime.git"
        subprocess.run(["git", "remote", "set-url", "origin", url], cwd=self.repository, check=True)

    def run(self, event: str, payload: Any, image: str = "runtime", **variables: str) -> Run:
        """Run the build of an image for an event; without an image, the deploy itself."""
        place = self.folder / f"run-{len(list(self.folder.iterdir()))}"
        place.mkdir()
        notes = place / "notes"
        notes.touch()
        # The payloads name a commit; here it is the repository's own.
        (place / "event.json").write_text(json.dumps(payload).replace(COMMIT, self.commit))
        variables = {
            "STANDIN_SOURCE": str(self.repository),
            "STANDIN_NOTES": str(notes),
            "STANDIN_PYTHON": sys.executable,
            "STANDIN_FOLDER": str(HERE / "standins"),
            "PYTHONPATH": str(CHECKOUT),
            "QA_SETTLE_SECONDS": "0",
            "QA_POLL_SECONDS": "0.2",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            **variables,
        }
        command = [self.act, event, "--eventpath", str(place / "event.json"), "--rm", "--no-cache-server", "--json"]
        workflow = f".github/workflows/{'build-' if image else ''}{image or 'deploy'}.yml"
        command += ["--workflows", workflow, "--platform", "ubuntu-latest=-self-hosted"]
        command += ["--var", f"RUNTIME_REGISTRY={self.registry}", "--secret", "GITHUB_TOKEN=not-a-token"]
        command += ["--secret", "PULUMI_CONFIG_PASSPHRASE=a-passphrase"]  # a job that has none stops
        for name, value in variables.items():
            command += ["--env", f"{name}={value}"]
        workflows = self.repository / ".github" / "workflows"
        names = ("build-runtime.yml", "build-pool.yml", "build-image.yml", "deploy.yml")
        text = "".join((workflows / name).read_text() for name in names)
        for action, pin in set(re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40})", text)):
            command += ["--local-repository", f"{action}@{pin}={HERE / 'standins' / STANDINS[action]}"]
        path = f"{HERE / 'standins' / 'bin'}:{os.environ['PATH']}"
        # Where act keeps what it fetched and how it was set up is the user's; nothing of that is asked here.
        env = {**os.environ, "PATH": path, "HOME": str(place), "XDG_CACHE_HOME": str(place / "cache")}
        done = subprocess.run(
            command, cwd=self.repository, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180
        )
        return Run(done.returncode, done.stdout + done.stderr, notes.read_text().splitlines(), _jobs(done.stdout))


def _jobs(log: str) -> dict[str, str]:
    found = {}
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if "jobResult" in entry:
            found[str(entry["jobID"])] = str(entry["jobResult"])
    return found


def event(name: str) -> Any:
    return json.loads((HERE / "events" / f"{name}.json").read_text())


def branch_event(branch: str) -> Any:
    return event(f"push-{branch}")

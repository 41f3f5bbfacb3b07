"""A stack that this program brought up on an emulator, whose Pulumi state is then lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.emulator.fix_emulator import Emulator
from tests.registry.pushing import Repository

QUIET = ("--non-interactive", "--color", "never")
PLANTED = "pLaNtEd-sEcReT"


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it printed on both streams."""

    code: int
    text: str


@dataclass
class Checkout:
    """A checkout with the real CLI and a backend, which `lose_state` exchanges for an empty one.

    Attributes:
        folder: the checkout.
        emulator: stands for Railway.
        printed: everything that any command printed.
    """

    folder: Path
    emulator: Emulator
    backends: int = 1
    printed: list[str] = field(default_factory=list)

    def lose_state(self) -> None:
        self.backends += 1

    def run(self, *argv: str, stdin: str = "", **env: str) -> Ran:
        backend = self.folder.parent / f"backend-{self.backends}"
        backend.mkdir(exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "PULUMI", "RAILWAY"))}
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env={
                **kept,
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
                "PULUMI_HOME": str(self.folder.parent / "home"),
                "PULUMI_BACKEND_URL": f"file://{backend}?metadata=skip",
                "PULUMI_CONFIG_PASSPHRASE": "test",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "RAILWAY_ENDPOINT": self.emulator.endpoint,
                "RAILWAY_API_TOKEN": self.emulator.token,
                **env,
            },
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        self.printed.append(done.stdout)
        return Ran(done.returncode, done.stdout)

    def pulumi(self, *arguments: str) -> Ran:
        return self.run("pulumi", *arguments, *QUIET)

    def adopt(self, project: str, environment: str, stack: str, *more: str, **env: str) -> Ran:
        where = (f"PROJECT={project}", f"ENVIRONMENT={environment}", f"STACK={stack}")
        return self.run("make", "--no-print-directory", "adopt", *where, *more, **env)

    def cost(self) -> tuple[list[str], int]:
        """Return the mutations and the number of deployments since the last look."""
        calls = self.emulator.calls()
        self.emulator.forget_calls()
        return [row["operation"] for row in calls if row["type"] == "mutation"], sum(
            len(row["deployments"]) for row in calls
        )

    def outputs(self, stack: str) -> dict[str, Any]:
        done = subprocess.run(
            ["pulumi", "stack", "output", "--stack", stack, "--json", "--show-secrets"],
            cwd=self.folder,
            env={
                **os.environ,
                "PULUMI_BACKEND_URL": f"file://{self.folder.parent}/backend-{self.backends}?metadata=skip",
                "PULUMI_CONFIG_PASSPHRASE": "test",
                "PULUMI_HOME": str(self.folder.parent / "home"),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def up(self, stack: str) -> Ran:
        return self.pulumi("up", "--stack", stack, "--yes", "--skip-preview")

    def preview(self, stack: str, *more: str) -> Ran:
        return self.pulumi("preview", "--stack", stack, "--diff", *more)


def configure(checkout: Checkout, stack: str, runtime: Repository, pool: Repository) -> None:
    """Write the config of a stack that follows a branch, with one planted key."""
    config = {
        "imageRepository": runtime.location,
        "imageBranchTag": "scaling",
        "poolImage": f"{pool.location}:v1",
        "poolMinIdle": "0",
        "keys": {"XMTP_ENV": "dev"},
    }
    described = {f"convos-infra:{key}": value for key, value in config.items()}
    (checkout.folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": described}))
    assert checkout.pulumi("stack", "init", stack).code == 0
    words = ("config", "set", "--secret", "--path", "keys.BANKR_API_KEY", "--stack", stack)
    assert checkout.run("pulumi", *words, *QUIET, stdin=PLANTED).code == 0

"""A Pulumi project of a fleet of services, in a folder of its own, run by the real CLI against an emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IMAGE = "ghcr.io/example/web:1@sha256:" + "1" * 64
OTHER_IMAGE = "ghcr.io/example/web:2@sha256:" + "2" * 64
PASSPHRASE = "test"
Spec = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """How a command of the CLI ended.

    Attributes:
        code: its exit code; negative if a signal ended it.
        text: what it printed.
        seconds: how long it took.
        peak_mib: the largest resident set among it and its children.
    """

    code: int
    text: str
    seconds: float
    peak_mib: float


@dataclass
class Project:
    """A project in a folder of its own, with its state.

    Attributes:
        folder: the folder of the program, the state and Pulumi's home.
        endpoint, token: the API's endpoint and the account token, usually of an emulator.
        env: more variables of the CLI's environment.
        stack: the stack's name.
    """

    folder: Path
    endpoint: str
    token: str
    env: dict[str, str] = field(default_factory=dict)
    stack: str = "test"

    def __post_init__(self) -> None:
        for name in ("program", "state", "home"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.program / "Pulumi.yaml").write_text("name: fleet\nruntime: python\n")
        (self.program / "__main__.py").write_text("from tests.fleet.program import main\n\nmain()\n")

    @property
    def program(self) -> Path:
        return self.folder / "program"

    def describe(self, spec: Spec) -> None:
        """Write the description of what the program declares."""
        (self.program / "fleet.json").write_text(json.dumps(spec))

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the CLI."""
        head = [str(Path(sys.executable).parent), os.environ["PATH"]]
        return {
            **os.environ,
            "PATH": os.pathsep.join(head),
            "PYTHONPATH": str(ROOT),
            # With cached bytecode, as users have it: otherwise each command compiles the whole program twice.
            "PYTHONDONTWRITEBYTECODE": "",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "RAILWAY_ENDPOINT": self.endpoint,
            "RAILWAY_API_TOKEN": self.token,
            "DATA_ON_DESTROY": "delete",
            **self.env,
        }

    def start(self, *words: str) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a command in a session of its own; return it and the file that it prints to."""
        printed = self.folder / "printed.log"
        with printed.open("wb") as out:
            argv = ["pulumi", *words, "--cwd", str(self.program), "--non-interactive", "--color=never"]
            process = subprocess.Popen(
                argv,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return process, printed

    def run(self, *words: str, check: bool = True) -> Ran:
        """Run a command to its end."""
        began = time.perf_counter()
        process, printed = self.start(*words)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        ran = Ran(process.returncode, printed.read_text(), time.perf_counter() - began, usage.ru_maxrss / 1024)
        assert not check or ran.code == 0, ran.text
        return ran

    def init(self) -> None:
        """Create the stack."""
        self.run("stack", "init", self.stack)

    def up(self, *more: str, check: bool = True) -> Ran:
        return self.run("up", "--stack", self.stack, "--yes", "--skip-preview", *more, check=check)

    def preview(self, *more: str, check: bool = True) -> Ran:
        return self.run("preview", "--stack", self.stack, "--diff", *more, check=check)

    def refresh(self, *more: str, check: bool = True) -> Ran:
        return self.run("refresh", "--stack", self.stack, "--yes", "--skip-preview", *more, check=check)

    def destroy(self, *more: str, check: bool = True) -> Ran:
        return self.run("destroy", "--stack", self.stack, "--yes", "--skip-preview", *more, check=check)

    def exported(self) -> dict[str, Any]:
        """Return the stack's state, secrets encrypted."""
        found: dict[str, Any] = json.loads(self.run("stack", "export", "--stack", self.stack).text)
        return found

    def changes(self, *more: str) -> dict[str, int]:
        """Return the number of steps in a preview by operation, without `same`."""
        ran = self.run("preview", "--stack", self.stack, "--json", *more)
        steps = json.loads(ran.text[ran.text.index("{") :])["changeSummary"]
        return {what: count for what, count in steps.items() if what != "same"}


def fleet(services: Sequence[Mapping[str, Any]], *, project: str = "fleet", environment: str = "test") -> Spec:
    """Return the description of a fleet."""
    return {"project": project, "environment": environment, "services": [dict(row) for row in services]}


def service(name: str, *, image: str = IMAGE, variables: int = 10, **more: Any) -> dict[str, Any]:
    """Return the description of a service with this number of variables."""
    return {"name": name, "image": image, "variables": {f"V{n}": f"value {n}" for n in range(variables)}, **more}

"""The flows of Railway's own CLI against an emulator: `make railway-cli CLI=path/to/railway`.

The CLI is a crate, and building it takes far longer than a test may, so a person builds it and gives its path. It must
be a debug build: no other one takes the address to call. What the CLI reads over WebSocket goes to Railway's host all
the same, so following `logs`, and `restart` without `--json`, are not here: docs/conformance.md says how to play them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.emulator.fix_emulator import Emulator, running_emulator

IMAGE = "ghcr.io/example/web"
SECONDS = 60
CONFIG = """
def main(context):
    web = {
        "type": "service", "name": "Web App", "source": {"type": "image", "image": "ghcr.io/example/web:VERSION"},
        "env": {"A": "VERSION"}, "deploy": {"healthcheckPath": "/health"}, "groupId": "back end",
        "volumeAttachments": {"data": {"volume": "volume.data", "mountPath": "/data"}},
    }
    volume = {"type": "volume", "name": "data", "address": "volume.data", "config": {}, "groupId": "back end"}
    api = {
        "type": "service", "name": "api", "source": {"type": "image", "image": "ghcr.io/example/api:1"},
        "env": {"B": {"type": "reference", "resource": "service.Web App", "output": "A"}},
    }
    return {"name": "NAME", "resources": [web, api, volume, {"type": "group", "name": "back end"}]}
"""


@dataclass(frozen=True)
class Step:
    """One call of the CLI.

    Attributes:
        arguments: its arguments, separated by blanks.
        says: what its output must have.
        code: the exit code.
        config: the version of the configuration file to write before; 0 leaves it alone.
        rest: whether to wait until no deployment moves before.
    """

    arguments: str
    says: str = ""
    code: int = 0
    config: int = 0
    rest: bool = False


PROJECT = (
    Step("whoami", "Local user"),
    Step("init --name flows", "Created project flows"),
    Step("list", "flows"),
    Step("status", "production"),
    Step(f"add --service web --image {IMAGE}:1 --variables X=1"),
    *(Step(f"add --database {code}") for code in ("postgres", "redis", "mysql", "mongo")),
    Step("service web", "Linked service web"),
    Step("variable set A=1 B=two", "Set variables A, B"),
    Step("variable list --kv", "B=two"),
    Step("variable set C=3 --skip-deploys"),
    Step("variable delete C"),
    Step("variable list --service Redis --kv", "REDIS_URL=redis://default:"),
    Step("redeploy -y", rest=True),
    Step("restart -y --json", '"id"', rest=True),
    Step("deployment list", "SUCCESS"),
    Step("logs -n 5", "simulated: ready"),
    Step("logs --build -n 5", "simulated: ready"),
    Step("logs -n 5 --filter @level:error"),
    Step("domain", "web-production"),
    Step("domain list", "web-production"),
    Step("domain flows.example.org", "DNS records"),
    Step("tcp-proxy create --port 5432", "Application port: 5432"),
    Step("scale us-west2=2", "2 replicas configured"),
    Step("scale us-west2=1", "1 replica configured"),
    Step("volume add --mount-path /data", "web-volume"),
    Step("scale us-west2=2", "more than one replica", code=1),
    Step("volume update --volume web-volume --name renamed --mount-path /srv", "renamed"),
    Step("volume detach --volume renamed -y", "detached"),
    Step("volume attach --volume renamed -y", "attached"),
    Step("volume list", "Mount path: /srv"),
    Step("volume delete --volume renamed -y", "deleted"),
    Step("volume list", "Status: Deleting"),
    Step("environment new staging"),
    Step("environment new copy --duplicate production"),
    Step("environment list", "staging"),
    Step("environment delete staging -y"),
    Step("environment production", "Activated environment production"),
    Step("status --json", '"production"'),
    Step("metrics --service web", "metrics is an operation of Railway that this emulator does not serve", code=1),
    Step("down -y --service web"),
    Step("link --project flows --environment production --service web", "linked successfully"),
    Step("delete --project flows -y"),
)
CONFIGURED = (
    Step("init --name configured"),
    Step("config plan", "Create service Web App", config=1),
    Step("config apply --yes", "Create volume data"),
    Step("config plan --detailed-exit-code", "already up to date"),
    Step("config plan --detailed-exit-code", "Update variable Web App.A", code=2, config=2),
    Step("config apply --yes"),
    Step("config plan --detailed-exit-code", "already up to date"),
    Step("variable list --service api --kv", "B=2"),
    Step("delete --project configured -y"),
)


@dataclass(frozen=True)
class Player:
    """A CLI with a home and a folder of its own, pointed at an emulator."""

    cli: Path
    emulator: Emulator
    folder: Path

    def differences(self, steps: tuple[Step, ...]) -> Iterator[str]:
        """Play steps, and yield each that did not go as it says."""
        for step in steps:
            if step.config:
                self._write(step.config)
            if step.rest:
                self._wait_for_rest()
            done = self._run(step)
            output = f"{done.stdout}{done.stderr}"
            fits = done.returncode == step.code and step.says in output
            sys.stdout.write(f"  {'ok' if fits else 'DIFFERS':<9} railway {step.arguments}\n")
            if not fits:
                yield f"railway {step.arguments}: exit code {done.returncode}\n{output[:2000]}"

    def _run(self, step: Step) -> subprocess.CompletedProcess[str]:
        told = {"RAILWAY_BACKBOARD_URL": self.emulator.endpoint, "RAILWAY_API_TOKEN": self.emulator.token}
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "CI": "true", "NO_COLOR": "1", "DO_NOT_TRACK": "1"}
        command = [str(self.cli), *step.arguments.split()]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**env, **told},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def _write(self, version: int) -> None:
        path = self.folder / ".railway" / "railway.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(CONFIG.replace("VERSION", str(version)).replace("NAME", "configured"))

    def _wait_for_rest(self) -> None:
        until = time.monotonic() + SECONDS
        while any(row["status"] not in {"SUCCESS", "SLEEPING"} for row in self.emulator.where()["services"]):
            if time.monotonic() > until:
                raise TimeoutError(f"deployments still move after {SECONDS} s: {self.emulator.where()}")
            time.sleep(0.1)


def main(arguments: list[str]) -> int:
    """Play the flows; 1 where something differs."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        sys.stderr.write("CLI: it must be the path of a debug build of Railway's CLI: make railway-cli CLI=path\n")
        return 2
    with tempfile.TemporaryDirectory() as folder, running_emulator(Path(folder)) as emulator:
        player = Player(Path(arguments[0]).resolve(), emulator, Path(folder))
        found = list(player.differences((*PROJECT, *CONFIGURED)))
    sys.stdout.write("".join(f"\n{difference}\n" for difference in found))
    steps = len(PROJECT) + len(CONFIGURED)
    sys.stdout.write(f"{steps} calls of the CLI, {steps - len(found)} as expected, {len(found)} differ\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

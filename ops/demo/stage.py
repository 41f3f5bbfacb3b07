"""The demo's operations on the local stack: updates, images, agents. Each ends, or reports why it did not."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from convos_infra.errors import InfraError
from convos_infra.railway.snapshots import Snapshots
from convos_infra.registry.reference import parse
from convos_infra.rollout.pool_api import NoAnswer, PoolApi
from ops.pulumi_cli import CHECKOUT, Pulumi, PulumiError, last_error
from ops.status import live_stack, railway_view
from railway_api import documents

if TYPE_CHECKING:
    from pathlib import Path

    from convos_infra.railway.snapshot import Snapshot

WAIT_SECONDS = 120.0
BUILD_SECONDS = 300.0
PAUSE_SECONDS = 0.5
CLAIM_SECONDS = (5.0, 130.0)
Agent = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """One stack.

    Attributes:
        stack: its name.
    """

    stack: str

    @property
    def config(self) -> Path:
        """The file of its config."""
        return CHECKOUT / f"Pulumi.{self.stack}.yaml"

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets opened."""
        return live_stack.outputs(self.stack)

    def pool(self) -> PoolApi:
        """Return the pool manager; each of its deployments has a different address on this machine."""
        state = live_stack.recorded(self.stack)
        found = live_stack.pool_api(state, live_stack.railway(state))
        return PoolApi(found.url, found.key, CLAIM_SECONDS)

    def set(self, **values: str) -> None:
        """Set keys of the config.

        Raises:
            PulumiError: it cannot be written.
        """
        for key, value in values.items():
            self._do("config", "set", key, value)

    def up(self) -> None:
        """Run `pulumi up`; show its output if it fails.

        Raises:
            PulumiError: it fails.
        """
        self._do("up", "--yes", "--skip-preview")

    def push_image(self, revision: str) -> str:
        """Build the runtime image of another revision, push it, and return its tag.

        Raises:
            InfraError: it does not build.
        """
        tag = f"sha-{revision[:7]}"
        location = parse(str(self.outputs()["image"]["reference"])).location
        command = ["sh", "ops/image/build.sh", "--push", "runtime", f"{location}:{tag}"]
        try:
            done = subprocess.run(
                command,
                cwd=CHECKOUT,
                env={**os.environ, "REVISION": revision},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=BUILD_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise InfraError("image", f"it is not built after {BUILD_SECONDS:.0f} s") from None
        if done.returncode != 0:
            raise InfraError("image", f"it does not build: {last_error(done.stdout)}")
        return tag

    def until(self, wanted: str, holds: Callable[[Sequence[Agent]], bool]) -> list[Agent]:
        """Wait until the agents are in the expected state, and return them.

        Args:
            wanted: the expected state, for the error.
            holds: tells whether it is reached.

        Raises:
            InfraError: the state is not reached in time.
        """
        end = time.monotonic() + WAIT_SECONDS
        api, found = self.pool(), list[Agent]()
        while time.monotonic() < end:
            try:
                found = list(api.status()["agents"])
            except NoAnswer:
                found = []
            if found and holds(found):
                return found
            time.sleep(PAUSE_SECONDS)
        seen = ", ".join(f"{agent['id']} {agent['state']}" for agent in found) or "nothing"
        raise InfraError("agents", f"not in {WAIT_SECONDS:.0f} s: {wanted}; seen: {seen}", "make status STACK=local")

    def take_away(self, agent_id: str) -> None:
        """Release an agent and delete it with its volume: the pool manager deletes no agent that was claimed."""
        outputs = self.outputs()
        agent = next((one for one in self.pool().status()["agents"] if one["id"] == agent_id), None)
        if agent is None:
            return
        where = outputs["environment"]
        with psycopg.connect(outputs["database"]["url"], connect_timeout=5) as connection:
            connection.execute("DELETE FROM agent_metadata WHERE id = %s", (agent_id,))
        railway = railway_view.client()
        service, subject = agent["serviceId"], agent["service"]

        def read() -> Snapshot:
            return Snapshots(railway).read(where["projectId"], where["id"], subject=subject, fresh=True)

        for volume in [row["volumeId"] for row in read().volume_instances if row["serviceId"] == service]:
            railway.mutate(documents.VOLUME_DELETE, {"volumeId": volume}, subject=subject, observe=lambda: None)
        railway.mutate(
            documents.service_deletions(1),
            {"s0": service, "environmentId": where["id"]},
            subject=subject,
            observe=lambda: None if service in read().instances else True,
        )

    def _do(self, *arguments: str) -> None:
        ran = Pulumi(self.stack).run(*arguments, show=False)
        if ran.code != 0:
            raise PulumiError(self.stack, f"pulumi {arguments[0]}: {last_error(ran.text)}")

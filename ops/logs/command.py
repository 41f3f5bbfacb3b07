"""What a service, an agent or a deployment has printed: `make logs STACK=… SERVICE=canary`.

python -m ops logs --stack STACK --service NAME|canary|pool-manager|database | --agent ID | --deployment ID
    [--lines 200] [--follow] [--json]

Of a service or an agent it is the newest deployment, whatever became of it; one that was never started shows the log of
its build. --follow continues until it is interrupted, and goes on with new deployments. Read-only. Values of the
environment's secret variables are masked.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.railway.listing import list_projects
from convos_infra.railway.snapshots import Snapshots
from ops import stacks
from ops.ci import workflow
from ops.logs.lines import LoggedLine, added, parsed
from ops.logs.source import LogSource, of_agent, of_service, secrets_of
from ops.printable import log_line
from ops.stack_command import number, stack_parser
from ops.status import live_stack, railway_view
from pool_contract.service_names import AGENT_PREFIX
from railway_api import documents

if TYPE_CHECKING:
    import argparse

    from convos_infra.railway.snapshot import Snapshot
    from ops.status.recorded import Recorded
    from railway_api.client import Client

MOST_LINES = 5000
FOLLOW_SECONDS = 2.0
FOLLOWED_LINES = 1000
"""How many lines a service may print between two polls without a line being lost."""


@dataclass(frozen=True)
class Reader:
    """Reads log lines.

    Attributes:
        client: the way to Railway.
        environment_id: whose services are read.
        source: which service; None if a deployment was named.
        secrets: values to mask.
        count: how many lines are shown at first.
    """

    client: Client
    environment_id: str
    source: LogSource | None
    secrets: Sequence[str]
    count: int

    def newest(self) -> tuple[str, str]:
        """Return id and status of the service's newest deployment.

        Raises:
            InfraError: it was never deployed.
        """
        assert self.source is not None
        where = {"serviceId": self.source.service_id, "environmentId": self.environment_id}
        data = self.client.query(documents.LATEST_DEPLOYMENT, where, subject=self.source.name)
        found = (data.get("serviceInstance") or {}).get("latestDeployment") or {}
        if not found:
            raise InfraError(self.source.name, "was never deployed, so it has printed nothing")
        return str(found["id"]), str(found["status"])

    def lines(self, deployment: str, count: int) -> list[LoggedLine]:
        """Return the last lines of a deployment; those of its build where it has never run."""
        asked = {"id": deployment, "limit": count}
        for document, name in ((documents.DEPLOYMENT_LOGS, "deploymentLogs"), (documents.BUILD_LOGS, "buildLogs")):
            rows = self.client.query(document, asked, subject=f"deployment {deployment[:40]}").get(name) or []
            if rows:
                # Railway may answer with one line more than it was asked for.
                return parsed(rows, self.secrets)[-count:]
        return []


def main(argv: Sequence[str] | None = None) -> int:
    """Print the lines."""
    chosen = _parser().parse_args(argv)
    if sum(bool(one) for one in (chosen.service, chosen.agent, chosen.deployment)) != 1:
        step = "one of SERVICE=canary (pool-manager, database, or a name), AGENT=<id>, DEPLOYMENT=<id>"
        raise InfraError("logs", "name what to read", step)
    state = live_stack.recorded(stacks.checked(chosen.stack))
    client = live_stack.client(state)
    reader = _reader(chosen, state, client)
    _print(reader, chosen)
    return 0


def _reader(chosen: argparse.Namespace, state: Recorded, client: Client) -> Reader:
    snapshot = live_stack.railway(state).snapshot
    if snapshot is None:
        raise InfraError("environment", "is gone from Railway")
    source: LogSource | None = None
    if chosen.service:
        source = of_service(chosen.service, state, snapshot)
    elif chosen.agent:
        source = of_agent(chosen.agent, snapshot)
        if source is None:
            snapshot = _agents_own(client, chosen.agent)
            source = of_agent(chosen.agent, snapshot)
    secrets = source.secrets if source is not None else secrets_of(snapshot)
    return Reader(client, snapshot.environment_id, source, secrets, chosen.lines)


def _agents_own(client: Client, agent_id: str) -> Snapshot:
    """Return the environment of an agent that has a project of its own.

    Raises:
        InfraError: there is none.
    """
    name = f"{AGENT_PREFIX}{agent_id}"
    project = next((row for row in list_projects(client, subject=name) if row["name"] == name), None)
    if project is None:
        raise InfraError("logs", f"there is no agent {agent_id[:40]!r}", "make agents STACK=… lists them")
    environment = next(iter(railway_view.environments(client, str(project["id"]))))
    return Snapshots(client).read(str(project["id"]), environment, subject=name, fresh=True)


def _print(reader: Reader, chosen: argparse.Namespace) -> None:
    deployment, seen, count = "", list[LoggedLine](), reader.count
    while True:
        newest, status = (chosen.deployment, "") if reader.source is None else reader.newest()
        if newest != deployment:
            name = f"{reader.source.name}, " if reader.source is not None else ""
            sys.stderr.write(log_line(f"  {name}deployment {newest} {status}".rstrip() + "\n"))
            deployment, seen = newest, []
        found = reader.lines(deployment, count)
        for line in added(seen, found):
            sys.stdout.write(f"{line.encoded(deployment) if chosen.json else line.shown()}\n")
        sys.stdout.flush()
        if not chosen.follow:
            return
        # Later lines are all shown, however few of the earlier ones were requested.
        seen, count = found, max(count, FOLLOWED_LINES)
        time.sleep(FOLLOW_SECONDS)


def _parser() -> argparse.ArgumentParser:
    parser = stack_parser("logs", __doc__)
    parser.add_argument("--service", default="", help="canary, pool-manager, database, or a service's name")
    parser.add_argument("--agent", default="", metavar="ID", help="an agent of the pool")
    parser.add_argument("--deployment", default="", metavar="ID", help="one deployment, also an old one")
    parser.add_argument(
        "--lines", default=200, type=number(1, MOST_LINES), metavar="N", help=f"the last N, at most {MOST_LINES}"
    )
    parser.add_argument("--follow", action="store_true", help="continue until interrupted")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each line")
    return parser


if __name__ == "__main__":
    sys.exit(workflow.run(main))

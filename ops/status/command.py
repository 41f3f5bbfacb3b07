"""One page about a stack: image, services, agents, schema, drift, keys, updates: `make status STACK=… [JSON=1]`.

python -m ops status --stack STACK [--json]; exit code 0 where everything was read, 3 where a part was not (its row
says why), 1 where there is no such stack or Pulumi does not answer.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from convos_infra.errors import InfraError
from convos_infra.schema import latest_version
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import inspect
from ops import stacks
from ops.ci import workflow
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import keys, live_drift, live_stack
from ops.status.report import Report, lines, of_outputs, of_pool, of_updates, rows
from railway_api.failure import Failure

PARTLY = 3
"""The exit code where something could not be read."""
DATABASE_SECONDS = 5.0
UPDATES = 5


def read(stack: str, environ: Mapping[str, str]) -> Report:
    """Read all that can be read of a stack.

    Args:
        stack: its name.
        environ: the process's environment.

    Raises:
        InfraError: there is no such stack, or Pulumi does not answer.
    """
    config = stacks.config(CHECKOUT, stack)
    outputs, cli = live_stack.outputs(stack), Pulumi(stack)
    parts: dict[str, Any] = of_outputs(outputs)
    unread: dict[str, str] = {}

    def attempt(name: str, found: Callable[[], Mapping[str, Any]]) -> None:
        try:
            parts.update(found())
        except Failure as error:
            unread[name] = str(error)

    for name in ("environment", "image", "canary", "poolManager"):
        if name not in parts:
            unread[name] = f"the stack has no output {name}; run pulumi up --stack {stack}"
    attempt("agents", lambda: _agents(outputs))
    attempt("schema", lambda: {"schema": _schema(outputs.get("database") or {})})
    attempt("drift", lambda: {"drift": live_drift.read(cli.state())})
    attempt("keys", lambda: {"keys": {key.name: key.state for key in keys.states(config, environ)}})
    attempt("updates", lambda: {"updates": _updates(cli)})
    if parts.get("image", {}).get("chosenBy") in ("pin", "follow"):
        tag = str(config.get("imageBranchTag") or stack)
        attempt(
            "image", lambda: {"image": {**parts["image"], "branch": _branch(str(parts["image"]["reference"]), tag)}}
        )
    return Report(stack, parts, unread)


def _agents(outputs: Mapping[str, Any]) -> dict[str, Any]:
    if live_stack.is_simulated(outputs):
        return {"agents": {"note": "none: the pool manager is simulated here", "total": 0}}
    return of_pool(live_stack.pool_api(outputs).status())


def _schema(database: Mapping[str, Any]) -> dict[str, Any]:
    if not database.get("url"):
        raise InfraError("database", "the stack has none yet", "run pulumi up")
    found = inspect(parse_url(str(database["url"]), thing="database"), wait_seconds=DATABASE_SECONDS)
    return {
        "version": found.applied[-1].version if found.applied else "",
        "newest": latest_version(),
        "drift": list(found.drift),
    }


def _updates(cli: Pulumi) -> list[dict[str, Any]]:
    return of_updates(cli.read("stack", "history", "--page-size", str(UPDATES), "--page", "1"))


def _branch(deployed: str, tag: str) -> dict[str, str]:
    return {"tag": tag, "digest": live_stack.named_now(deployed, tag, "newest image").partition("@")[2]}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the page."""
    parser = argparse.ArgumentParser(prog="ops status", description=__doc__)
    parser.add_argument("--stack", default=os.environ.get("STACK", ""))
    parser.add_argument("--json", action="store_true", help="for scripts")
    chosen = parser.parse_args(argv)
    report = read(stacks.checked(chosen.stack), os.environ)
    text = json.dumps(report.document(), indent=2) if chosen.json else "\n".join(lines(rows(report)))
    sys.stdout.write(f"{text}\n")
    return PARTLY if report.unread else 0


if __name__ == "__main__":
    sys.exit(workflow.run(main))

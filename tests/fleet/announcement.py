"""The mutations and deployments that a preview announces, read from `pulumi preview --json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convos_infra.ownership import ADOPTS
from convos_infra.provider import is_unknown
from convos_infra.railway import change as changes

_TYPE = "pulumi-python:dynamic/railway:"
ONE_EACH = {"Service", "Volume", "ServiceDomain", "TcpProxy", "SharedVariables"}
"""Each creation, change or deletion of one of these is one mutation; a ServiceInstance says what it costs."""


@dataclass(frozen=True)
class Announced:
    """What an update will do, as its preview says.

    Attributes:
        mutations, deployments: how many there will be; mutations at the most.
        said: the steps, for the message of a test that fails.
    """

    mutations: int
    deployments: int
    said: tuple[str, ...]


def announced(preview: str) -> Announced:
    """Read what `pulumi preview --json` printed."""
    mutations = deployments = 0
    said: list[str] = []
    for step in json.loads(preview[preview.index("{") :])["steps"]:
        kind = str((step.get("newState") or step.get("oldState"))["type"]).removeprefix(_TYPE)
        op = step["op"]
        if op == "same" or kind.startswith("pulumi:"):
            continue
        before, after = (_inputs(step, key) for key in ("oldState", "newState"))
        # A replacement is a creation and a deletion, which are steps of their own.
        count = changes.announced(before, after) if op in ("create", "update", "create-replacement") else 0
        text = f" {after.get('deploys')}" if changes.is_announced(before, after) and op != "delete" else ""
        said.append(f"{op} {kind}{text}")
        deployments += count
        mutations += kind in ONE_EACH and op != "replace"
        # In a service that is there already, a patch mounts it (fact: volume-mounted-by-patch).
        is_there = not is_unknown(after.get("serviceId"))
        mutations += kind == "Volume" and op.startswith("create") and is_there and not after.get(ADOPTS)
        mutations += kind == "ServiceInstance" and bool(text)
        # The service that remains in the project takes another deletion (docs/decisions/0032).
        mutations += kind == "Service" and op.startswith("delete")
    return Announced(mutations, deployments, tuple(said))


def _inputs(step: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (step.get(key) or {}).get("inputs") or {}
    return found

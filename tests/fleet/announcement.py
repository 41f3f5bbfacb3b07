"""What a preview announces, read from the text that people read: mutations and deployments."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = re.compile(r" *(?:[-+~]|\+-|-\+) pulumi-python:dynamic/railway:(?P<kind>\w+): \((?P<op>[\w-]+)\)")
_COST = re.compile(r' *[+~]? *deploys +: (?:"[^"]*" => )?"(?P<deployments>\d+) deployments?(?P<rest>[^"]*)"')
ONE_EACH = {"Service", "Volume", "ServiceDomain", "TcpProxy", "SharedVariables"}
"""Each creation, change or deletion of one of these is one mutation; a ServiceInstance says what it costs."""
NONE = {"Deployment"}


@dataclass(frozen=True)
class Announced:
    """What an update will do.

    Attributes:
        mutations, deployments: how many.
        said: the steps, for the message of a test that fails.
    """

    mutations: int
    deployments: int
    said: tuple[str, ...]


def announced(preview: str) -> Announced:
    """Read the text of `pulumi preview --diff`."""
    mutations = deployments = 0
    said: list[str] = []
    kind = ""
    for line in preview.splitlines():
        if step := _STEP.match(line):
            kind = step["kind"]
            assert kind in ONE_EACH | NONE | {"ServiceInstance"}, f"{kind}: its cost is not known here"
            said.append(f"{step['op']} {kind}")
            mutations += kind in ONE_EACH
        elif kind == "ServiceInstance" and said[-1] != "delete ServiceInstance" and (cost := _COST.match(line)):
            said[-1] += f" {cost['deployments']}{cost['rest']}"
            mutations += 1
            deployments += int(cost["deployments"])
    return Announced(mutations, deployments, tuple(said))

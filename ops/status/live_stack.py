"""A stack that was deployed, as its outputs tell: what `status`, `rollout_plan` and `demo` start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.registry.reference import parse, parse_version
from convos_infra.registry.resolve import current_digest
from convos_infra.rollout.pool_api import PoolApi
from ops import pulumi_cli
from ops.ci.registry_login import credentials
from ops.pulumi_cli import Pulumi

if TYPE_CHECKING:
    from collections.abc import Mapping

POOL_SECONDS = (3.0, 10.0)
SIMULATED = "simulated"


def outputs(stack: str) -> dict[str, Any]:
    """Return a stack's outputs, secrets opened: whoever shows them picks what is none.

    Raises:
        InfraError: nothing was deployed yet, or Pulumi does not answer.
    """
    if all(row["name"] != stack for row in pulumi_cli.stacks()):
        raise InfraError(stack, "nothing was deployed yet", f"pulumi up --stack {stack}")
    return dict(Pulumi(stack).read("stack", "output", "--show-secrets"))


def is_simulated(outputs: Mapping[str, Any]) -> bool:
    """Say whether no pool manager runs because no container does."""
    return bool((outputs.get("poolManager") or {}).get("mode") == SIMULATED)


def pool_api(outputs: Mapping[str, Any]) -> PoolApi:
    """Return the way to a stack's pool manager.

    Raises:
        InfraError: it has none.
    """
    pool = outputs.get("poolManager") or {}
    if is_simulated(outputs):
        raise InfraError("pool-manager", "it is simulated here, no agent runs", "start Docker, then make local")
    if not pool.get("url") or not pool.get("apiKey"):
        raise InfraError("pool-manager", "the stack has none yet", "run pulumi up")
    return PoolApi(str(pool["url"]), str(pool["apiKey"]), POOL_SECONDS)


def named_now(deployed: str, version: str, thing: str) -> str:
    """Return the full reference, digest included, of a tag or digest in the repository of the deployed image.

    Raises:
        InfraError: there is no such tag, or the registry cannot be asked.
    """
    wanted = parse_version(parse(deployed).location, version, thing)
    found = wanted.digest or current_digest(wanted, credentials=credentials(), thing=thing)
    if not found:
        raise InfraError(thing, f"there is no tag {version} in {wanted.location}", "push one, or name another")
    return f"{wanted.location}{f':{wanted.tag}' if wanted.tag else ''}@{found}"

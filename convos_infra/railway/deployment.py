"""What a deployment's status means, pure. Source: docs.railway.com deployments/reference; facts §4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convos_infra.errors import InfraError

GOOD = frozenset({"SUCCESS", "SLEEPING"})
BAD = frozenset({"FAILED", "CRASHED", "REMOVED", "SKIPPED"})
MOVING = frozenset({"QUEUED", "WAITING", "NEEDS_APPROVAL", "INITIALIZING", "BUILDING", "DEPLOYING", "REMOVING"})
LOG_LINES = 30


@dataclass(frozen=True)
class DeploymentState:
    """One deployment as it was read.

    Attributes:
        id, status, created_at: as Railway has them.
        image: what it runs, from its `meta`; empty where it says nothing.
        url: where it answers, or empty.
        mode: `simulated` or `container` where the emulator says so, empty on Railway.
    """

    id: str
    status: str
    created_at: str = ""
    image: str = ""
    url: str = ""
    mode: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parsed(row: Mapping[str, Any] | None) -> DeploymentState | None:
    """Read a `Deployment`; None where there is none."""
    if not row:
        return None
    meta = row.get("meta") or {}
    return DeploymentState(
        id=str(row.get("id") or ""),
        status=str(row.get("status") or ""),
        created_at=str(row.get("createdAt") or ""),
        image=str(meta.get("image") or ""),
        url=str(row.get("url") or row.get("staticUrl") or ""),
        mode=str(meta.get("emulatorMode") or ""),
        meta=meta,
    )


def runs(state: DeploymentState, image: str) -> bool:
    """Tell whether a deployment is of `image`: the same digest where both have one, else the same reference.

    Args:
        state: the deployment.
        image: the wanted reference; empty takes any.
    """
    if not image or not state.image:
        return True
    wanted, found = image.partition("@")[2], state.image.partition("@")[2] or str(state.meta.get("imageDigest") or "")
    return wanted == found if wanted and found else image == state.image


class DeploymentFailed(InfraError):
    """A deployment ended badly, or not in time. Its text carries the last log lines, already redacted."""

    def __init__(
        self, service: str, state: DeploymentState, *, seconds: float, lines: list[str], timed_out: bool
    ) -> None:
        self.state = state
        what = "is still" if timed_out else "ended"
        tail = "; last lines: " + " | ".join(lines) if lines else "; it left no log lines"
        where = f"; see {state.url}" if state.url else ""
        super().__init__(
            service,
            f"deployment {state.id} {what} {state.status} after {seconds:.0f} s{tail}{where}",
            "what ran before still runs; mend the image or its settings and run pulumi up again",
        )

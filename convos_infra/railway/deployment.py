"""The meaning of a deployment's status (fact: deployment-status). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
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
        image: the image that it runs, from its `meta`; empty if it has none.
        url: its URL, or empty.
        mode: `simulated` or `container` on the emulator, empty on Railway.
        is_stopped: whether all of its instances have stopped: one whose process exited with 0 stays SUCCESS.
    """

    id: str
    status: str
    created_at: str = ""
    image: str = ""
    url: str = ""
    mode: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict, repr=False)
    is_stopped: bool = False

    @property
    def has_completed(self) -> bool:
        """Whether its process has ended with 0, which Railway's dashboard calls Completed (fact: completed)."""
        return self.status == "SUCCESS" and self.is_stopped

    @property
    def serves(self) -> bool:
        """Whether it runs, or wakes at the next request."""
        return self.status in GOOD and not self.has_completed


def parsed(row: Mapping[str, Any] | None) -> DeploymentState | None:
    """Read a `Deployment` and its `meta` (fact: deployment-meta); None if there is none."""
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
        is_stopped=bool(row.get("deploymentStopped")),
    )


def runs(state: DeploymentState, image: str) -> bool:
    """Tell whether a deployment runs `image`: the digests are equal if both have one, otherwise the references.

    Args:
        state: the deployment.
        image: the wanted reference; empty takes any.
    """
    if not image or not state.image:
        return True
    wanted, found = image.partition("@")[2], state.image.partition("@")[2] or str(state.meta.get("imageDigest") or "")
    return wanted == found if wanted and found else image == state.image


class Verdict(Enum):
    """The meaning of a deployment's state for a wait."""

    WAIT = "wait"
    GOOD = "good"
    BAD = "bad"
    RUNS_ANOTHER = "runs another image"


def verdict(state: DeploymentState, image: str) -> Verdict:
    """Decide whether to wait on for a deployment.

    Args:
        state: its state by the last read.
        image: the image that it must run; empty for any. A redeploy of an old snapshot ends in SUCCESS with another
            image (Crossbill-App/crossbill-web#497).
    """
    if state.status in GOOD:
        return Verdict.GOOD if runs(state, image) else Verdict.RUNS_ANOTHER
    # An unknown status is waited for as well, until the time limit.
    return Verdict.BAD if state.status in BAD else Verdict.WAIT


_NEXT_STEP = {
    "REMOVED": "somebody removed it, or deployed something newer: pulumi refresh shows what runs, then pulumi up",
    "REMOVING": "somebody removes it, or deployed something newer: pulumi refresh shows what runs, then pulumi up",
    "SKIPPED": "Railway found nothing to deploy (watchPatterns?): what ran before still runs",
    "NEEDS_APPROVAL": "approve it in Railway's dashboard, then pulumi up",
    "WAITING": "it waits for the checks of its commit: see to them, then pulumi up",
}


_TELLS = re.compile(
    r"error|exception|fatal|panic|traceback|missing|required|fail|denied|refused|cannot|could not|not found|no such"
    r"|invalid|unauthorized|out of memory|no space left",
    re.IGNORECASE,
)
_HEALTH_CHECK = re.compile(r"health ?check", re.IGNORECASE)


def telling_line(lines: Sequence[str]) -> str:
    """Return the log line that most probably says why: the last one that reads as an error, or else the last one.

    A line about a failed health check is chosen last, because it repeats the symptom.

    Args:
        lines: at least one.
    """
    telling = [line for line in lines if _TELLS.search(line)]
    causes = [line for line in telling if not _HEALTH_CHECK.search(line)]
    return (causes or telling or list(lines))[-1]


class DeploymentFailed(InfraError):
    """A deployment ended badly, or not in time. Its text carries the last log lines, already redacted.

    Args:
        service, state: the service, and the deployment's last state.
        seconds: how many seconds the wait took.
        lines: its last log lines.
        timed_out: whether it is still under way.
        others: services that are still waited for.
        empty: variables that were empty in it although their stored value is a reference, with that reference.
    """

    def __init__(
        self,
        service: str,
        state: DeploymentState,
        *,
        seconds: float,
        lines: list[str],
        timed_out: bool,
        others: Sequence[str] = (),
        empty: Mapping[str, str] | None = None,
    ) -> None:
        self.state = state
        self.empty = dict(empty or {})
        what = "is still" if timed_out else "ended"
        why = f": {telling_line(lines)}" if lines else "; it left no log lines"
        tail = f"; last lines: {' | '.join(lines)}" if len(lines) > 1 else ""
        where = f"; see {state.url}" if state.url else ""
        tail += f"; still under way: {', '.join(others)}" if others else ""
        super().__init__(
            service,
            f"deployment {state.id} {what} {state.status} after {seconds:.0f} s{why}{tail}{where}",
            _next_step(state.status, self.empty),
        )


def _next_step(status: str, empty: Mapping[str, str]) -> str:
    if empty:
        # Railway deploys a reference without a target as an empty value; the image is not at fault.
        named = ", ".join(f"{name} ({reference})" for name, reference in sorted(empty.items()))
        return f"it was deployed with empty references: {named}; bring back what they refer to, then pulumi up"
    return _NEXT_STEP.get(status, "what ran before still runs; fix the image or its settings, then pulumi up")

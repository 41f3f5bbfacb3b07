"""What a rotation has done, and who still has the old value. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.agents.living_agent import LivingAgent


@dataclass(frozen=True)
class Rotation:
    """One rotation.

    Attributes:
        stack: whose key.
        variable: which key.
        moved: ids of the agents that were redeployed.
        left: agents that still have the old value, or of which it is not known.
        holders: service and variable that still have it on Railway.
        wrote_config: whether the stack's config file was changed.
    """

    stack: str
    variable: str
    moved: Sequence[str] = ()
    left: Sequence[LivingAgent] = ()
    holders: Sequence[tuple[str, str]] = ()
    wrote_config: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether nothing has the old value, as far as this program sees."""
        return not self.left and not self.holders

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "stack": self.stack,
            "key": self.variable,
            "complete": self.is_complete,
            "configChanged": self.wrote_config,
            "moved": list(self.moved),
            "left": [{"agent": one.id, "state": one.state} for one in self.left],
            "holders": [{"service": service, "variable": name} for service, name in self.holders],
        }

    def lines(self) -> list[str]:
        """Return it for people."""
        found = [f"{self.variable} of {self.stack}: {len(self.moved)} agents were redeployed"]
        found += [f"  does not have the new value: agent {one}" for one in self.left]
        found += [f"  still has the old value: {service}, variable {name}" for service, name in self.holders]
        if self.left:
            found.append(
                f"  give it to a claimed agent: make agents STACK={self.stack} MOVE=<id> CLAIMED=yes (or END=<id>)"
            )
            found.append(
                f"  to all of them: make rotate STACK={self.stack} KEY={self.variable} RESUME=1 CLAIMED=redeploy"
            )
        if self.is_complete:
            found.append("  nothing has the old value any more: revoke it at its issuer")
        if self.wrote_config:
            found.append(
                f"  commit Pulumi.{self.stack}.yaml: a deployment from the old file would bring the old value back"
            )
        return found

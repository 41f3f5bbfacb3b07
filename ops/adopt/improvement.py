"""The possible improvements of an environment that was taken over; each is off until it is chosen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ops.adopt.compare import at_most
from stack.names import listed

if TYPE_CHECKING:
    from ops.adopt.config import Described

POOL_KEEPS, DATABASE_KEEPS = "poolKeeps", "databaseKeeps"


@dataclass(frozen=True)
class Improvement:
    """One improvement.

    Attributes:
        name: its name for `--with`.
        about: its effect, in a few words.
        flag: the key that switches it; empty if removing the keys in `removes` switches it on.
        removes: keys of the config that are removed when it is chosen.
        touches: tells whether it changes a given variable or attribute of the pool manager.
        one_way: why it cannot be undone; empty if it can.
        needs_database: whether it requires a database service in the environment.
    """

    name: str
    about: str
    flag: str = ""
    removes: Sequence[str] = ()
    touches: Callable[[str], bool] = lambda _: False
    one_way: str = ""
    needs_database: bool = False

    def is_on(self, values: Mapping[str, Any]) -> bool:
        """Tell whether a config has it already."""
        if self.flag:
            return values.get(self.flag) is not False
        kept = any(self.touches(name) for name in listed(str(values.get(POOL_KEEPS) or "")))
        return not kept and not any(name in values for name in self.removes)

    def chosen(self, described: Described) -> Described:
        """Return a config with it."""
        gone = {*self.removes, *([self.flag] if self.flag else [])}
        plain = {key: value for key, value in described.plain.items() if key not in gone}
        secrets = {key: value for key, value in described.secrets.items() if key not in gone}
        kept = [name for name in listed(str(plain.pop(POOL_KEEPS, ""))) if not self.touches(name)]
        return replace(described, plain=with_names(plain, POOL_KEEPS, kept), secrets=secrets)


def with_names(plain: Mapping[str, Any], key: str, names: Collection[str]) -> dict[str, Any]:
    """Return a config with these names under a key, in addition to those that it already has there."""
    kept = sorted({*listed(str(plain.get(key) or "")), *names})
    return {**plain, **({key: " ".join(kept)} if kept else {})}


IMPROVEMENTS: Mapping[str, Improvement] = {
    one.name: one
    for one in (
        Improvement("seal", "seals the pool manager's secrets", "sealKeys", one_way="Railway never shows a sealed one"),
        Improvement(
            "pin",
            "deploys images by digest",
            "pinImages",
            touches=lambda name: name in ("image", "RAILWAY_RUNTIME_IMAGE"),
        ),
        Improvement("canary", "runs an agent of the stack with each new image before the pool does", "manageCanary"),
        Improvement(
            "rollouts",
            "tells the pool manager how to roll out an image",
            "manageRollouts",
            touches=lambda name: name.startswith("POOL_ROLLOUT_"),
        ),
        Improvement(
            "token",
            "gives the pool manager a token of its environment instead of its current token",
            removes=("poolKeepToken", "poolRailwayToken"),
            touches=lambda name: name == "RAILWAY_API_TOKEN",
            one_way="unless a copy of the old token is kept",
        ),
        Improvement(
            "private-url",
            "gives services a reference to the database instead of its URL",
            removes=("databaseServiceUrl",),
            touches=lambda name: name == "DATABASE_URL",
            needs_database=True,
        ),
        Improvement(
            "health",
            "makes Railway check the pool manager's health before a deployment serves",
            touches=lambda name: name in ("healthcheckPath", "healthcheckTimeout"),
        ),
        Improvement("schema", "applies the migrations to the database", "manageSchema", needs_database=True),
    )
}


@dataclass(frozen=True)
class Offer:
    """An improvement that is off, with its cost.

    Attributes:
        name, about, one_way: the improvement's own.
        changes: the names of its changes on Railway.
        deployments: the most deployments that it would cause.
        problem: why it cannot be chosen now; empty if it can.
    """

    name: str
    about: str
    one_way: str
    changes: Sequence[str] = ()
    deployments: int = 0
    problem: str = ""

    def text(self) -> str:
        """Return it for people."""
        if self.problem:
            return f"{self.about} (not now: {self.problem})"
        changed = f"changes {', '.join(self.changes)}" if self.changes else "changes nothing on Railway"
        way = f"; cannot be undone: {self.one_way}" if self.one_way else ""
        return f"{self.about}: {changed}, {at_most(self.deployments)}{way}"

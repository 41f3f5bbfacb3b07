"""What an update would do, as values: services, images, keys, schema, agents, and everything taken over or deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ops.cost.estimate import CostEstimate
    from ops.plan.update_time import UpdateTime


class Pair(NamedTuple):
    """A value before and after the update; empty if there is none."""

    before: str = ""
    after: str = ""

    @property
    def is_change(self) -> bool:
        """Whether the two differ."""
        return self.before != self.after


class Fate(StrEnum):
    """What becomes of a thing."""

    NEW = "new"
    CHANGED = "changed"
    ADOPTED = "adopted"
    KEPT = "kept"
    REPLACED = "replaced"
    DELETED = "deleted"


@dataclass(frozen=True)
class Commit:
    """A commit that an image gains or loses.

    Attributes:
        revision: its hex digits.
        title: the first line of its message, as its author wrote it.
    """

    revision: str
    title: str


@dataclass(frozen=True)
class CommitsPlan:
    """The commits between two images.

    Attributes:
        gained, lost: how many.
        gained_titles, lost_titles: the newest of them.
    """

    gained: int = 0
    lost: int = 0
    gained_titles: tuple[Commit, ...] = ()
    lost_titles: tuple[Commit, ...] = ()


@dataclass(frozen=True)
class ImagePlan:
    """An image that changes.

    Attributes:
        name: which image: `runtime` or `pool`.
        repository: where it is.
        tag, digest, revision: before and after.
        created: when the new one was made (RFC 3339); empty if that is not known.
        chosen_by: `follow`, `pin` or `build`.
        is_known: False if its digest is known only after the update has built it.
        commits: None if git does not know both revisions.
    """

    name: str
    repository: str
    tag: Pair
    digest: Pair
    revision: Pair
    created: str = ""
    chosen_by: str = ""
    is_known: bool = True
    commits: CommitsPlan | None = None


@dataclass(frozen=True)
class ServicePlan:
    """A service that the update changes.

    Attributes:
        name: its name on Railway.
        fate: new, changed, adopted or deleted.
        deployments: how many it needs.
        at_most: how many if others change what runs before the update.
        fields: the names of the attributes that change.
        variables: the names of the variables that change.
        conditions: what else needs a deployment: a crashed deployment, a volume that is new to what runs.
        others: the names of what others stored, which the deployment applies as well.
        after: the services that are deployed and ready before this one is.
    """

    name: str
    fate: Fate
    deployments: int = 0
    at_most: int = 0
    fields: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyPlan:
    """A variable that changes, by name; its value is in none of these.

    Attributes:
        name: the variable.
        fate: new, changed or deleted.
        services: whose variable it is.
        refers_to: the references in its new value, such as `postgres.DATABASE_URL`.
    """

    name: str
    fate: Fate
    services: tuple[str, ...]
    refers_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class StatementPlan:
    """A statement of a migration.

    Attributes:
        kind: such as `CREATE INDEX`.
        table: what it is about; empty if it names none.
        lock: the strongest lock that it takes on the table; empty for none.
        held: how long it holds it, such as `while it reads the table`.
        rows: how many rows the table has by the database's own estimate; None if that is not known.
    """

    kind: str
    table: str = ""
    lock: str = ""
    held: str = ""
    rows: int | None = None


@dataclass(frozen=True)
class MigrationFilePlan:
    """A file that is applied.

    Attributes:
        file: its name.
        statements: what is in it.
        is_marked: whether it is only recorded as applied.
    """

    file: str
    statements: tuple[StatementPlan, ...] = ()
    is_marked: bool = False


@dataclass(frozen=True)
class AgentsPlan:
    """What happens to the agents that live.

    Attributes:
        policy: of the rollout.
        summary: the pool manager's own line about it.
        batches: how many agents move in each batch; empty if all stay as they are.
    """

    policy: str
    summary: str = ""
    batches: tuple[int, ...] = ()


@dataclass(frozen=True)
class ThingPlan:
    """Anything else: a volume, a domain, a project.

    Attributes:
        kind: what it is, in words.
        name: what it is called, or whose it is.
        fate: what becomes of it.
    """

    kind: str
    name: str
    fate: Fate


@dataclass(frozen=True)
class UpdatePlan:
    """Everything that an update would do.

    Attributes:
        stack: whose.
        services: that change, in the order in which they are deployed.
        same_services: how many services stay as they are.
        images, keys, migrations, agents, things: what else changes.
        mutations: how many calls that change something on Railway the update needs at most.
        unknown: what is known only after the update, in words.
        time: how long the last updates took; None if there was none.
        standing: settings for an emergency that still stand, with the commands that end them.
        cost: what the stack costs a month after it, as an estimate; None if nothing was estimated.
    """

    stack: str
    services: tuple[ServicePlan, ...] = ()
    same_services: int = 0
    images: tuple[ImagePlan, ...] = ()
    keys: tuple[KeyPlan, ...] = ()
    migrations: tuple[MigrationFilePlan, ...] = ()
    agents: AgentsPlan | None = None
    things: tuple[ThingPlan, ...] = ()
    mutations: int = 0
    unknown: tuple[str, ...] = ()
    time: UpdateTime | None = None
    standing: tuple[str, ...] = ()
    cost: CostEstimate | None = None

    @property
    def deployments(self) -> int:
        """How many deployments it makes."""
        return sum(service.deployments for service in self.services)

    @property
    def at_most(self) -> int:
        """How many deployments it makes if others change what runs before the update."""
        return sum(max(service.deployments, service.at_most) for service in self.services)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        changed: Iterable[Any] = (self.services, self.images, self.keys, self.migrations, self.agents, self.things)
        return not (any(changed) or self.mutations)

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        numbers = {"deployments": self.deployments, "deploymentsAtMost": self.at_most}
        values = {item.name: _plain(getattr(self, item.name)) for item in fields(self)}
        return {"stack": self.stack, **numbers, **{_camel(name): value for name, value in values.items()}}


def _plain(value: Any) -> Any:
    """Return a value for JSON: names in camel case, as Railway and Pulumi write them, and a pair as an object."""
    if isinstance(value, Pair):
        return {"before": value.before, "after": value.after}
    if is_dataclass(value):
        return {_camel(item.name): _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _camel(name: str) -> str:
    first, *others = name.removeprefix("is_").split("_")
    return first + "".join(map(str.capitalize, others))

"""Reports an adoption: what matches, what the first update would change, and what cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ops.adopt.compare import ADOPTED, LEFT, MADE, ReportRow, at_most, services
from ops.adopt.staged import NEXT_STEP, staged_changes
from ops.printable import escaped
from pool_contract.service_names import agents_in

if TYPE_CHECKING:
    from ops.adopt.config import Described
    from ops.adopt.improvement import Offer
    from ops.adopt.live import DigestOf, Live
    from stack.settings import Settings

NEVER_SHOWN = "sealed values, passwords of registry logins, limits that the plan sets"


@dataclass(frozen=True)
class AdoptionReport:
    """All rows, the steps before the first update, and the possible improvements."""

    stack: str
    project: str
    environment: str
    keys: Sequence[str]
    secret_keys: Sequence[str]
    rows: Sequence[ReportRow]
    next_steps: Sequence[str]
    offers: Sequence[Offer] = ()

    def document(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        found = asdict(self)
        # The field keeps the name that it has had from the beginning: scripts read it.
        return {**found, "rows": [{"thing": row.pop("subject"), **row} for row in found["rows"]]}

    @property
    def changes(self) -> int:
        """The number of changes by the first update."""
        return sum(len(row.changes) + (row.state == MADE) for row in self.rows)

    @property
    def deployments(self) -> int:
        """The most deployments by the first update."""
        return sum(row.deployments for row in self.rows)

    def lines(self) -> Iterator[str]:
        """Yield its lines for people; names cannot control the terminal or look like separate lines."""
        yield from (escaped(line) for line in self._lines())

    def _lines(self) -> Iterator[str]:
        secret = len(self.secret_keys)
        yield f"project {self.project}, environment {self.environment} -> Pulumi.{self.stack}.yaml"
        yield f"  {len(self.keys)} keys, {secret} values encrypted: {', '.join([*self.keys, *self.secret_keys])}"
        for row in self.rows:
            yield ""
            yield f"  {row.subject}: {row.state}{_sum(row)}"
            parts = (("would change", row.changes), ("not read, stays", row.unread), ("no key, stays", row.unkeyed))
            for title, what in (("matches", row.matches), *parts):
                if what:
                    yield f"    {title:<16} {', '.join(what)}"
        yield ""
        for offer in self.offers:
            yield f"  off: {offer.name:<12} {offer.text()}"
        yield f"  the first update: {self.changes} changes, {at_most(self.deployments)}"
        yield f"  Railway never shows: {NEVER_SHOWN}"
        yield f"  not compared here: the database's schema (make schema-plan STACK={self.stack})"
        for step in self.next_steps:
            yield f"  to do: {step}"


def _sum(row: ReportRow) -> str:
    compared = len(row.matches) + len(row.changes)
    return f", {compared} compared, {len(row.matches)} match, {at_most(row.deployments)}" if compared else ""


def adoption_report(
    settings: Settings, live: Live, described: Described, digest_of: DigestOf, offers: Sequence[Offer] = ()
) -> AdoptionReport:
    """Compare an environment with the program's resources for the config that describes it.

    Args:
        settings: that config, parsed by stack/settings.py.
        live: the environment.
        described: the written config.
        digest_of: resolves `repository:tag` to the registry's current digest; empty if the registry does not tell.
        offers: the improvements that are off.
    """
    rows = [
        ReportRow(f"project {live.project}", ADOPTED, ("name",)),
        ReportRow(f"environment {live.environment}", ADOPTED, ("name",), unkeyed=_shared(live)),
        *services(settings, live, digest_of),
        *_others(settings, live),
    ]
    staged = list(staged_changes(live))
    rows += [ReportRow("staged changes", LEFT, unkeyed=staged)] if staged else []
    steps = [f"{row.service} {row.name}: {row.next_step}" for row in described.unread if row.next_step]
    steps += [NEXT_STEP] if staged else []
    return AdoptionReport(
        settings.stack,
        live.project,
        live.environment,
        sorted({*described.plain} - {"keys"} | {f"keys.{name}" for name in described.plain.get("keys") or {}}),
        sorted(described.secrets),
        rows,
        steps,
        offers,
    )


def _shared(live: Live) -> list[str]:
    return [f"shared variable {name}" for name in sorted(live.snapshot.config.get("sharedVariables") or {})]


def _others(settings: Settings, live: Live) -> Iterator[ReportRow]:
    """Yield everything else in the environment: agents, which belong to the pool manager, and unrelated services."""
    own = settings.service_names
    names = [name for name in live.names() if name not in own]
    agents = agents_in({name: name for name in names}, own)
    if agents:
        yield ReportRow(f"{len(agents)} agents", LEFT, unkeyed=["they belong to the pool manager, not to the stack"])
    for name in names:
        if name not in agents:
            yield ReportRow(name, LEFT, unkeyed=["the service, its volumes, domains and variables"])

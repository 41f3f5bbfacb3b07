"""What the colleague sees at a moment, and the documents that send what it chooses."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, build_schema, get_named_type

from emulator.store import Document, Store

SDL = Path(__file__).parents[2] / "emulator" / "schema.graphql"
Arguments = dict[str, Any]


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """Return Railway's schema, as the emulator serves it."""
    return build_schema(SDL.read_text(encoding="utf-8"))


def mutations() -> list[str]:
    """Return the names of all mutations."""
    found = schema().mutation_type
    assert found is not None
    return sorted(found.fields)


@lru_cache(maxsize=100)
def document(mutation: str, given: tuple[str, ...]) -> str:
    """Return the document that sends a mutation with the arguments named."""
    found = schema().mutation_type
    assert found is not None
    field = found.fields[mutation]
    declared = ", ".join(f"${name}: {field.args[name].type}" for name in given)
    passed = ", ".join(f"{name}: ${name}" for name in given)
    shown = " { __typename }" if isinstance(get_named_type(field.type), GraphQLObjectType) else ""
    return f"mutation theirs({declared}) {{ {mutation}({passed}){shown} }}"


@dataclass(frozen=True)
class Look:
    """What the colleague sees, and how the choice falls.

    Attributes:
        store: everything.
        rng: decides.
    """

    store: Store
    rng: random.Random

    def one(self, kind: str, **where: Any) -> Any:
        """Choose a living document."""
        return self.of(self.store.all(kind, lambda row: not row.get("deletedAt") and where.items() <= row.items()))

    def of(self, rows: Sequence[Any]) -> Any:
        """Choose one of these."""
        return self.rng.choice(list(rows)) if rows else None

    def project(self) -> Any:
        """Choose a project."""
        return self.one("project")

    def environment(self) -> Any:
        """Choose an environment: mostly one that has services."""
        rows = self.store.all("environment", lambda row: not row.get("deletedAt"))
        return self.of([row for row in rows if row["config"].get("services")] or rows)

    def instance(self) -> tuple[Document, str, Document] | None:
        """Choose a service in an environment: both, and its configuration."""
        environment = self.environment()
        services = (environment or {"config": {}})["config"].get("services") or {}
        id_ = self.of(sorted(services, key=self._name))
        return None if environment is None or id_ is None else (environment, id_, services[id_])

    def place(self) -> Arguments | None:
        """Choose a service in an environment: their ids."""
        found = self.instance()
        return found and {"serviceId": found[1], "environmentId": found[0]["id"]}

    def deployment(self) -> Any:
        """Choose one of the last deployments."""
        rows = self.store.all("deployment")
        return self.of(rows[-6:])

    def name(self) -> str:
        """Return a name that is free, mostly."""
        return f"theirs-{self.rng.randrange(1000)}"

    def variable(self, config: Document) -> str:
        """Choose a variable: one that is there, or one of their own."""
        own, anybodys = f"THEIR_{self.rng.randrange(3)}", f"V{self.rng.randrange(6)}"
        return str(self.rng.choice([*sorted(config.get("variables") or {}), own, anybodys]))

    def _name(self, service_id: str) -> str:
        return str((self.store.get("service", service_id) or {}).get("name"))

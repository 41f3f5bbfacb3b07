"""The pool manager does not take its own service for an agent, whatever its team has called it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from convos_pool.claim import Claim
from convos_pool.inventory import Inventory
from convos_pool.railway import Instance

NOW = datetime(2026, 11, 26, tzinfo=UTC)
OWN, AGENT = "convos-agent-abcdefghijkm", "convos-agent-mkjhgfedcbaa"


def instance(name: str) -> Instance:
    return Instance(f"id-{name}", name, "image", "x.up.railway.app", NOW, "d", "SUCCESS", NOW, "image")


def read_ids(own: str, claims: Mapping[str, Claim] | None = None) -> set[str]:
    """Return the ids of the agents that a pool manager sees."""

    def ready(instances: Iterable[Instance]) -> set[str]:
        return {one.service_id for one in instances}

    railway: Any = SimpleNamespace(instances=lambda: [instance(OWN), instance(AGENT), instance("renamed-boss")])
    database: Any = SimpleNamespace(claims=lambda: claims or {})
    client: Any = SimpleNamespace(which_are_ready=ready, forget_all_but=lambda _: None, problem=lambda _: "")
    aside: Any = SimpleNamespace(all=dict)
    return set(Inventory(railway, database, client, aside, 60.0, own=own).read().agents)


def test_its_own_service_is_no_agent() -> None:
    assert read_ids("") == {"abcdefghijkm", "mkjhgfedcbaa"}
    assert read_ids(f"id-{OWN}") == {"mkjhgfedcbaa"}

"""The pool manager does not take its own service for an agent, whatever its team has called it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from convos_pool.census import Census
from convos_pool.claim import Claim
from convos_pool.railway import Instance

NOW = datetime(2026, 11, 26, tzinfo=UTC)
OWN, AGENT = "convos-agent-abcdefghijkm", "convos-agent-mkjhgfedcbaa"


def instance(name: str) -> Instance:
    return Instance(f"id-{name}", name, "image", "x.up.railway.app", NOW, "d", "SUCCESS", NOW, "image")


def looked(own: str, claims: Mapping[str, Claim] | None = None) -> set[str]:
    """Return the ids of the agents that a pool manager sees."""

    def ready(instances: Iterable[Instance]) -> set[str]:
        return {one.service_id for one in instances}

    railway: Any = SimpleNamespace(instances=lambda: [instance(OWN), instance(AGENT), instance("renamed-boss")])
    database: Any = SimpleNamespace(claims=lambda: claims or {})
    client: Any = SimpleNamespace(which_are_ready=ready, forget_all_but=lambda _: None, problem=lambda _: "")
    aside: Any = SimpleNamespace(all=dict)
    return set(Census(railway, database, client, aside, 60.0, own=own).look().agents)


def test_its_own_service_is_no_agent() -> None:
    assert looked("") == {"abcdefghijkm", "mkjhgfedcbaa"}
    assert looked(f"id-{OWN}") == {"mkjhgfedcbaa"}

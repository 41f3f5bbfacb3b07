"""What a stack costs a month with typical usage of its services, from its config alone. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from ops.cost.prices import RAILWAY
from pool_contract.keys import declaration_of

if TYPE_CHECKING:
    from ops.cost.prices import Prices


@dataclass(frozen=True)
class Use:
    """What one service uses: vCPU and GB of memory on the average, and GB on its volume."""

    vcpu: float
    memory: float
    volume: float = 0.0

    def price(self, prices: Prices) -> float:
        """Return what it costs a month, in USD."""
        return self.vcpu * prices.vcpu + self.memory * prices.memory + self.volume * prices.volume


AGENT = Use(0.05, 0.5, 1.0)
POOL_MANAGER = Use(0.05, 0.2)
DATABASE = Use(0.05, 0.25, 1.0)
"""Assumptions, not measurements: the usage of a Node process that mostly waits, a small Python service and a small
PostgreSQL. The reference images use less; see the invoice or Railway's metrics for the usage of yours."""
_MB_A_GB = 1000


@dataclass(frozen=True)
class CostRow:
    """One kind of service.

    Attributes:
        subject: what it is.
        count: how many there are.
        each: USD a month for one.
    """

    subject: str
    count: int
    each: float

    @property
    def total(self) -> float:
        """USD a month for all of them."""
        return self.count * self.each


@dataclass(frozen=True)
class CostEstimate:
    """An estimate.

    Attributes:
        rows: by kind of service.
        total: USD a month.
        agent: USD a month for one more agent.
        agent_at_most: USD a month for an agent that always uses all that its limits allow.
        prices_read: when the prices were read.
        source: the page that has them.
    """

    rows: tuple[CostRow, ...]
    total: float
    agent: float
    agent_at_most: float
    prices_read: str
    source: str


def estimate(config: Mapping[str, Any], agents: int | None = None, prices: Prices = RAILWAY) -> CostEstimate:
    """Return what a stack costs.

    Args:
        config: the stack's config by key, without the project's prefix.
        agents: how many agents are counted; None counts those that the pool keeps idle.
        prices: of Railway.

    Raises:
        InfraError: a value of the config is not a number.
    """
    rows = tuple(_rows(config, agents, prices))
    keys = config.get("keys") if isinstance(config.get("keys"), Mapping) else {}
    assert isinstance(keys, Mapping)
    vcpus = _limit(keys, "POOL_AGENT_VCPUS")
    memory = _limit(keys, "POOL_AGENT_MEMORY_MB") / _MB_A_GB
    limits = Use(vcpus, memory, AGENT.volume)
    total = sum(row.total for row in rows)
    return CostEstimate(rows, total, AGENT.price(prices), limits.price(prices), prices.read, prices.source)


def _rows(config: Mapping[str, Any], agents: int | None, prices: Prices) -> Iterator[CostRow]:
    idle = int(_number(config, "poolMinIdle", float(declaration_of("POOL_MIN_IDLE").default)))
    count = idle if agents is None else agents
    yield CostRow("agents" if agents is not None else "idle agents", count, AGENT.price(prices))
    if not _is(config, "manageCanary", "false"):
        yield CostRow("canary", 1, Use(AGENT.vcpu, AGENT.memory).price(prices))
    yield CostRow("pool manager", 1, POOL_MANAGER.price(prices))
    others = config.get("databases")
    count = len(others) if isinstance(others, Mapping) and "secure" not in others else 0
    is_own = not config.get("databaseUrl") and not _is(config, "manageDatabase", "false")
    if count + is_own:
        yield CostRow("databases", count + is_own, DATABASE.price(prices))


def _limit(keys: Mapping[str, Any], name: str) -> float:
    return _number(keys, name, float(declaration_of(name).default))


def _is(config: Mapping[str, Any], key: str, text: str) -> bool:
    return str(config.get(key, "")).lower() == text


def _number(config: Mapping[str, Any], key: str, default: float) -> float:
    value = config.get(key)
    try:
        found = default if value in (None, "") or isinstance(value, Mapping) else float(str(value))
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise InfraError(key, f"{str(value)[:40]!r} is not a number of at least 0")
    return found


def in_short(found: CostEstimate) -> str:
    """Return an estimate as one line, which says that it is one."""
    return (
        f"estimate: about ${found.total:.0f} a month, and ${found.agent:.0f} for each further agent"
        f" (at its limits ${found.agent_at_most:.0f}); Railway's prices of {found.prices_read}, {found.source}"
    )

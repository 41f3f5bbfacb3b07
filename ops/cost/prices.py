"""Railway's public prices. They change: the date and the page are printed with every estimate. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prices:
    """Prices in USD a month.

    Attributes:
        vcpu: of one vCPU that is used the whole month; Railway bills by the minute.
        memory: of one GB of memory.
        volume: of one GB on a volume.
        read: the day on which they were read.
        source: the page that has them.
    """

    vcpu: float
    memory: float
    volume: float
    read: str
    source: str


# Memory and vCPU are the rates a minute of $0.000231 and $0.000463 of Railway's page, times the minutes of 30 days.
RAILWAY = Prices(
    vcpu=20.0, memory=10.0, volume=0.15, read="2026-07-02", source="https://docs.railway.com/pricing/plans"
)

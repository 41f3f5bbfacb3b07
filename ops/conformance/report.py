"""What a run found: each scenario with its beliefs, the emulator's observation, the other one, and a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ops.conformance.recording import Call

Verdict = Literal["differs", "failed", "not allowed", "same"]
_ORDER: tuple[Verdict, ...] = ("differs", "failed", "not allowed", "same")
_OF_THE_PLAN = ("upgrade", "your plan", "plan limit", "resource limit", "limit reached", "free plan", "trial")


class ScenarioResult(BaseModel):
    """One scenario of a run.

    Attributes:
        scenario: its name.
        beliefs: what it checks.
        emulator: what is expected, and seen on the emulator.
        observed: what was seen.
        verdict: `same`; `differs`; `not allowed` by the token's plan; `failed`, which says nothing about the belief.
        why: the error of what is not allowed or failed.
        seconds: how long it took.
        calls: what was answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    scenario: str
    beliefs: tuple[str, ...]
    emulator: Any
    observed: Any = None
    verdict: Verdict
    why: str = ""
    seconds: float = 0.0
    calls: tuple[Call, ...] = ()


class ConformanceReport(BaseModel):
    """A run.

    Attributes:
        address: the host that was asked.
        at: the time of day when it began.
        place: the ids of the workspace, the project and its environments; a replay needs them.
        findings: differences first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    address: str
    at: str
    place: dict[str, str]
    findings: tuple[ScenarioResult, ...]


def in_order(findings: Iterable[ScenarioResult]) -> tuple[ScenarioResult, ...]:
    """Return the findings, with those that need attention first."""
    return tuple(sorted(findings, key=lambda one: (_ORDER.index(one.verdict), one.scenario)))


def is_of_the_plan(message: str) -> bool:
    """Tell whether a refusal is for the token's plan, and not for what the scenario does."""
    return any(words in message.lower() for words in _OF_THE_PLAN)


def lines(report: ConformanceReport) -> list[str]:
    """Return the report as text for people."""
    counted = Counter(one.verdict for one in report.findings)
    found = [f"{report.address}: " + ", ".join(f"{counted[verdict]} {verdict}" for verdict in _ORDER)]
    for one in report.findings:
        if one.verdict == "same":
            continue
        found.append(f"{one.verdict}: {one.scenario} ({', '.join(one.beliefs)})")
        found += [f"  {one.why}"] if one.why else []
        found += [f"  emulator  {one.emulator!r}", f"  observed  {one.observed!r}"] if one.verdict == "differs" else []
    return found


def differing(report: ConformanceReport) -> Sequence[str]:
    """Return the names of the scenarios that differ."""
    return [one.scenario for one in report.findings if one.verdict == "differs"]

"""`/metrics` in Prometheus' text format: only numbers, so that a scraper needs no key that could delete agents.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .agents import STATES
from .tally import FAILURE_KINDS

if TYPE_CHECKING:
    from .tally import Counted

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "convos_pool"
CLAIMS = ("claimed", "none-idle", "failed")
TICKS = ("done", "failed", "stood-back")


@dataclass(frozen=True)
class Measured:
    """The measured values.

    Attributes:
        counts: agents by state, `total`, `latest` and `behind`; None before the first read.
        seen_at: when they were read, in seconds since the epoch; 0 before the first read.
        min_idle: how many agents are kept warm.
        counted: the counters.
        calls_left: the rest of Railway's rate limit; None until Railway has reported it.
        calls_limit: the calls of a whole window; None until Railway has reported it.
        is_closed: whether no agent is created or handed out.
        environment, version: labels.
    """

    counts: Mapping[str, int] | None
    seen_at: float
    min_idle: int
    counted: Counted
    calls_left: int | None
    calls_limit: int | None
    is_closed: bool
    environment: str
    version: str


def render(measured: Measured) -> str:
    """Return the values in Prometheus' text format."""
    return "".join(f"{line}\n" for line in _lines(measured))


def _lines(measured: Measured) -> Iterator[str]:
    labels = {"environment": measured.environment, "version": measured.version}
    yield from _family("info", "gauge", "What this pool manager is.", [(labels, 1)])
    yield from _family("closed", "gauge", "1 while the pool is closed.", [({}, int(measured.is_closed))])
    yield from _family("min_idle", "gauge", "How many agents are kept warm.", [({}, measured.min_idle)])
    if measured.counts is not None:
        counts = measured.counts
        by_state = [({"state": state}, counts.get(state, 0)) for state in STATES]
        yield from _family("agents", "gauge", "Agents by state.", by_state)
        yield from _family(
            "agents_behind",
            "gauge",
            "Agents with another image or other keys than a new one.",
            [({}, counts["behind"])],
        )
        yield from _family("seen_timestamp_seconds", "gauge", "Unix time of the last read.", [({}, measured.seen_at)])
    if measured.calls_left is not None:
        yield from _family("railway_calls_left", "gauge", "Calls left in the window.", [({}, measured.calls_left)])
    if measured.calls_limit:
        yield from _family("railway_calls_limit", "gauge", "Calls of a whole window.", [({}, measured.calls_limit)])
    totals = measured.counted.totals
    for name, label, values, words in (
        ("claims", "outcome", CLAIMS, "Claims by their outcome."),
        ("ticks", "outcome", TICKS, "Ticks by their outcome."),
        ("failures", "kind", FAILURE_KINDS, "Failures by the part that failed."),
    ):
        samples = [({label: value}, totals.get((name, value), 0)) for value in values]
        yield from _family(f"{name}_total", "counter", words, samples)
    for name, words in (("claims", "Total seconds spent on claims."), ("ticks", "Total seconds spent on ticks.")):
        seconds = measured.counted.seconds.get(name, 0.0)
        yield from _family(f"{name}_seconds_total", "counter", words, [({}, seconds)])


def _family(name: str, kind: str, words: str, samples: Sequence[tuple[Mapping[str, str], float]]) -> Iterator[str]:
    yield f"# HELP {PREFIX}_{name} {words}"
    yield f"# TYPE {PREFIX}_{name} {kind}"
    for labels, value in samples:
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{PREFIX}_{name}{{{shown}}} {value}" if shown else f"{PREFIX}_{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

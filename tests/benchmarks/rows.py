"""The bars that the rows of benchmarks have to meet, and the tables of rows. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
COLUMNS = ("suite", "case", "size", "calls", "mutations", "deployments", "seconds", "peak_mib")


@dataclass(frozen=True)
class Bar:
    """A limit for rows.

    Attributes:
        suite, case: the rows that it is for.
        text: the limit, for people.
        holds: tells whether a row meets it.
    """

    suite: str
    case: str
    text: str
    holds: Callable[[Row], bool]


def _above_floor(row: Row) -> float:
    return float(row["seconds"]) - float(row["floor"])


BARS = (
    Bar(
        "railway",
        "create",
        "one service: at most 5 calls beside polls, 1 deployment",
        lambda row: row["size"] != 1 or (row["calls"] - row["polls"] <= 5 and row["deployments"] == 1),
    ),
    Bar("railway", "create", "1 deployment a service", lambda row: row["deployments"] == row["size"]),
    Bar(
        "railway",
        "create",
        "50: at most 65 calls, 200: at most 230",
        lambda row: row["calls"] <= {50: 65, 200: 230}.get(row["size"], row["calls"]),
    ),
    Bar(
        "railway",
        "create",
        "at most 20 KB read and 1 KB printed a service, from 50 services on",
        lambda row: row["size"] < 50 or (row["read_kb"] <= 20 * row["size"] and row["printed_kb"] <= row["size"]),
    ),
    Bar(
        "railway",
        "create",
        "seconds above the floor: 1.7 for 1 and 10, 2 for 50, 8 for 200; a deployment and the four calls in sequence "
        "that one service needs take 1.3",
        lambda row: _above_floor(row) <= {1: 1.7, 10: 1.7, 50: 2, 200: 8}.get(row["size"], math.inf),
    ),
    Bar(
        "railway",
        "create",
        "200: at most 1.5 times the memory of 50",
        lambda row: row["size"] != 200 or not row["of_50"] or row["of_50"] <= 1.5,
    ),
    Bar(
        "railway",
        "create",
        "200: at most 1.3 times the CPU time of a program of trivial resources",
        lambda row: row["size"] != 200 or row["program_cpu"] <= 1.3 * row["floor_cpu"],
    ),
    Bar(
        "railway",
        "noop-preview",
        "50: at most 1.2 times the floor",
        lambda row: row["size"] != 50 or row["seconds"] <= 1.2 * row["floor"],
    ),
    Bar(
        "railway",
        "refresh",
        "50 and more: at most 0.6 seconds above the floor",
        lambda row: row["size"] < 50 or _above_floor(row) <= 0.6,
    ),
    Bar(
        "railway",
        "all-images",
        "50: at most 2 seconds above the floor, 1 KB printed a service",
        lambda row: row["size"] != 50 or (_above_floor(row) <= 2 and row["printed_kb"] <= row["size"]),
    ),
    Bar(
        "railway",
        "destroy",
        "50: at most 2.5 seconds above the floor",
        lambda row: row["size"] != 50 or _above_floor(row) <= 2.5,
    ),
    Bar("railway", "create-limited", "no call meets a rate limit", lambda row: row["refused"] == 0),
    Bar(
        "railway",
        "all-images",
        "1 to 3 mutations for 50, 1 deployment a service",
        lambda row: row["deployments"] == row["size"] and (row["size"] > 50 or row["mutations"] <= 3),
    ),
    *(
        Bar(
            "railway",
            f"large-{name}",
            "at most 8 calls beside pages and polls",
            lambda row: row["calls"] - row["pages"] - row["polls"] <= 8,
        )
        for name in ("preview", "up", "refresh", "destroy")
    ),
    Bar("railway", "noop-preview", "0 calls", lambda row: row["calls"] == 0),
    Bar("railway", "noop-up", "0 calls, 0 deployments", lambda row: row["calls"] == row["deployments"] == 0),
    Bar(
        "railway",
        "refresh",
        "at most 3 calls, 6 for more than 100 services; no mutation",
        lambda row: row["calls"] <= (3 if row["size"] <= 100 else 6) and not row["mutations"],
    ),
    Bar("railway", "image-change", "1 mutation, 1 deployment", lambda row: row["mutations"] == row["deployments"] == 1),
    Bar(
        "railway",
        "variables-change",
        "1 mutation, 1 deployment",
        lambda row: row["mutations"] == row["deployments"] == 1,
    ),
    Bar("railway", "destroy", "0 deployments", lambda row: row["deployments"] == 0),
    Bar("railway", "destroy", "50: at most 15 calls", lambda row: row["size"] != 50 or row["calls"] <= 15),
    Bar(
        "rollout", "drain-and-replace", "1 patch a batch, nothing else", lambda row: row["mutations"] == row["batches"]
    ),
    Bar(
        "rollout", "drain-and-replace", "1 query a tick, 2 at the start", lambda row: row["queries"] <= row["ticks"] + 2
    ),
    Bar("rollout", "drain-and-replace", "no call meets a rate limit", lambda row: row["refused"] == 0),
    Bar(
        "rollout",
        "drain-and-replace",
        "1 deployment an agent, none for claimed ones",
        lambda row: row["deployments"] == row["size"] - row["claimed"],
    ),
    Bar(
        "pool",
        "claims",
        "each claim is answered, none twice",
        lambda row: row["answered"] == row["claims"] and not row["double"],
    ),
    Bar("pool", "claims", "1 call to Railway a claim", lambda row: row["confirmations"] == row["claims"]),
    Bar("pool", "claims", "at most 20 connections", lambda row: row["connections"] <= 20),
    Bar("pool", "claims", "at most 200 MiB", lambda row: row["peak_mib"] <= 200),
    Bar("pool", "claims", "p99 of at most 2 s", lambda row: row["p99"] <= 2),
    Bar("pool", "claims", "a tick of at most 3 s while agents hang", lambda row: row["tick_seconds"] <= 3),
    Bar(
        "pool",
        "claims-among-liars",
        "each claim gets an honest agent, none twice",
        lambda row: row["answered"] == row["claims"] and not row["double"],
    ),
    Bar("pool", "claims-among-liars", "at most 200 MiB", lambda row: row["peak_mib"] <= 200),
    Bar("pool", "claims-among-liars", "p99 of at most 2 s", lambda row: row["p99"] <= 2),
    Bar("pool", "claims-among-liars", "a tick of at most 5 s", lambda row: row["tick_seconds"] <= 5),
    Bar("pool", "claims-among-liars", "the log names each", lambda row: row["named"] == row["lying"]),
    Bar(
        "pool",
        "claims-while-filling",
        "each claim is answered, none twice, with 1 call to Railway",
        lambda row: row["answered"] == row["claims"] == row["confirmations"] and not row["double"],
    ),
    Bar("pool", "claims-while-filling", "p99 of at most 2 s", lambda row: row["p99"] <= 2),
    Bar("schema", "noop", "at most 3 round trips", lambda row: row["calls"] <= 3),
    Bar("schema", "guard", "2 MB in at most 2 s", lambda row: row["seconds"] <= 2),
    Bar(
        "schema",
        "apply",
        "200 migrations: at most 1.2 times the time of psql",
        lambda row: row["size"] != 200 or row["ratio"] <= 1.2,
    ),
)


def missed(rows: Sequence[Row]) -> list[str]:
    """Return one line for each bar that a row does not meet."""
    return [
        f"{bar.suite} {bar.case} {row['size']}: {bar.text}; got {dict(row)}"
        for row in rows
        for bar in BARS
        if (row["suite"], row["case"]) == (bar.suite, bar.case) and not bar.holds(row)
    ]


def tables(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown, a table for each suite."""
    parts = []
    for suite in dict.fromkeys(str(row["suite"]) for row in rows):
        mine = [row for row in rows if row["suite"] == suite]
        more = [key for key in dict.fromkeys(key for row in mine for key in row) if key not in COLUMNS]
        columns = [*COLUMNS[1:], *more]
        lines = [f"## {suite}", "", f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
        lines += [f"| {' | '.join(str(row.get(column, '')) for column in columns)} |" for row in mine]
        bars = [f"- `{bar.case}`: {bar.text}" for bar in BARS if bar.suite == suite]
        parts.append("\n".join([*lines, "", "Bars, which `make bench` fails on:", *bars] if bars else lines))
    return "\n\n".join(parts) + "\n"

"""`make faults [ONLY="update 429"]`: each request of create, update and destroy goes wrong, in each mode."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.faults.case import TRIES, Case, Operation, Outcome, Starts, modes_of, prepared, run_case
from tests.faults.proxy import Mode
from tests.support import interrupts

SEED = 20
HEAD = (
    "operation",
    "mode",
    "positions",
    "converged",
    "duplicates",
    "orphans",
    "missing",
    "extra deployments",
    "absent",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run all cases, or those of the named operations and modes; print each as it ends, and the table."""
    choices = [*map(str, Operation), *map(str, Mode)]
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"of {', '.join(choices)}")
    parser.add_argument("--workers", type=int, default=2, help="cases at a time")
    parser.add_argument("--sample", type=int, metavar="COUNT", help="no more than so many cases, drawn with one seed")
    given = parser.parse_args(argv)
    unknown = [name for name in given.only if name not in choices]
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(choices)}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, prepared(Path(folder)) as starts:
        outcomes = [*_clean(starts)]
        cases = [case for case in _all(outcomes) if _wanted(case, given.only)]
        if given.sample is not None:
            cases = random.Random(SEED).sample(cases, min(given.sample, len(cases)))
        outcomes += _run(starts, cases, given.workers)
    sys.stdout.write(table(outcomes))
    failed = sum(not outcome.converged for outcome in outcomes)
    if absent := sorted({str(outcome.case) for outcome in outcomes if outcome.absent}):
        sys.stdout.write(f"no such request in {TRIES} tries: {', '.join(absent)}\n")
    minutes = (time.monotonic() - began) / 60
    sys.stdout.write(f"faults: {len(cases)} cases in {minutes:.0f} minutes, {failed} failed\n")
    return 1 if failed else 0


def _clean(starts: Starts) -> list[Outcome]:
    """Return the runs in which nothing goes wrong: they tell how many positions there are."""
    rest = [run_case(starts, Case(operation)) for operation in (Operation.UPDATE, Operation.DESTROY)]
    return [starts.created, *rest]


def _all(clean: Iterable[Outcome]) -> Iterable[Case]:
    for outcome in clean:
        yield from (Case(outcome.case.operation, fault) for fault in modes_of(outcome.requests))


def _wanted(case: Case, only: Sequence[str]) -> bool:
    operations, modes = (
        [name for name in only if name in list(Operation)],
        [name for name in only if name in list(Mode)],
    )
    assert case.fault is not None
    return (not operations or case.operation in operations) and (not modes or case.fault.mode in modes)


def _run(starts: Starts, cases: Sequence[Case], workers: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(workers) as pool:
        for done in as_completed([pool.submit(run_case, starts, case) for case in cases]):
            outcome = done.result()
            outcomes.append(outcome)
            sys.stdout.write(_line(outcome, f"{len(outcomes)}/{len(cases)}"))
            sys.stdout.flush()
    return outcomes


def _line(outcome: Outcome, count: str) -> str:
    ended = "no such request" if outcome.absent else "ok"
    ended = ended if outcome.converged else "; ".join(outcome.problems)
    runs = f"{len(outcome.codes)} runs" if len(outcome.codes) > 1 else "1 run"
    return f"{count:<8} {outcome.case!s:<24} {outcome.hit:<24} {runs:<7} {outcome.seconds:5.1f} s  {ended}\n"


def table(outcomes: Iterable[Outcome]) -> str:
    """Return one row for each operation and mode, in the order of their first outcome."""
    rows: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in sorted(outcomes, key=_order):
        mode = str(outcome.case.fault.mode) if outcome.case.fault else "none"
        rows.setdefault((outcome.case.operation, mode), []).append(outcome)
    lines = [HEAD] + [(*key, *map(str, _sums(group))) for key, group in rows.items()]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def _order(outcome: Outcome) -> tuple[int, int]:
    mode = list(Mode).index(outcome.case.fault.mode) if outcome.case.fault else -1
    return list(Operation).index(outcome.case.operation), mode


def _sums(group: Sequence[Outcome]) -> tuple[int, ...]:
    return (
        len(group),
        sum(outcome.converged for outcome in group),
        sum(len(outcome.left.duplicates) for outcome in group),
        sum(len(outcome.left.orphans) for outcome in group),
        sum(len(outcome.left.missing) for outcome in group),
        sum(outcome.extra for outcome in group),
        sum(outcome.absent for outcome in group),
    )


if __name__ == "__main__":
    interrupts.heed()
    sys.exit(main())

"""Compare what this project believes about Railway with what an address does: an emulator of its own, or Railway.

python -m ops conformance                  on an emulator that it starts and stops
python -m ops conformance --other          on an emulator with every disputed belief the other way round
python -m ops conformance --real [--yes]   on Railway, with RAILWAY_API_TOKEN; RAILWAY_ENDPOINT for another address
python -m ops conformance --replay FILE    the current scenarios with the recorded answers of a report

It writes a report as JSON (--report) and prints what differs. Exit code 1 if anything does.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ops.ci import workflow
from ops.conformance.marked import left_over
from ops.conformance.own_emulator import OTHER_SETTINGS, SETTINGS, own_emulator
from ops.conformance.play import MOST_SECONDS, RunPace, most_dollars, play, replayed
from ops.conformance.report import ConformanceReport, differing, lines
from ops.conformance.scenario import AS_EXPECTED
from ops.conformance.scenarios import ALL
from railway_api.client import DEFAULT_ENDPOINT, Client, checked_endpoint
from railway_api.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.conformance.scenario import Scenario

_ON_EMULATOR = RunPace(patience_seconds=2.0, seconds_between=0.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run, write the report and return the exit code."""
    given = _arguments(argv)
    scenarios = otherwise(chosen(given.only)) if given.other else chosen(given.only)
    if given.replay:
        report = replayed(ConformanceReport.model_validate_json(given.replay.read_text(encoding="utf-8")), scenarios)
    else:
        with _railway() if given.real else _emulator(other=given.other) as client:
            if given.real and not given.yes:
                _ask(client, scenarios)
            report = play(client, scenarios, RunPace() if given.real else _ON_EMULATOR)
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join([*lines(report), f"report: {given.report}", ""]))
    return 1 if differing(report) else 0


def chosen(only: str) -> list[Scenario]:
    """Return the scenarios whose name, or one of whose beliefs, is in a list separated by commas; all for none.

    Raises:
        Failure: a word of the list is neither.
    """
    words = {word.strip() for word in only.split(",") if word.strip()}
    found = [one for one in ALL if not words or words & {one.name, *one.beliefs}]
    strange = words - {word for one in found for word in (one.name, *one.beliefs)}
    if strange:
        raise Failure("--only", f"{min(strange)} is neither a scenario nor a belief", "see docs/railway-facts.md")
    return found


def otherwise(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """Return the scenarios with what is expected if every disputed belief is the other way round."""
    return [one if one.otherwise is AS_EXPECTED else replace(one, expected=one.otherwise) for one in scenarios]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ops conformance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--real", action="store_true", help="ask Railway, not an emulator")
    kind.add_argument("--other", action="store_true", help="every disputed belief the other way round")
    kind.add_argument("--replay", type=Path, metavar="FILE", help="a report whose answers are fed back")
    parser.add_argument("--yes", action="store_true", help="do not ask before something is made")
    parser.add_argument("--only", default="", metavar="NAMES", help="names of scenarios or ids of beliefs, with commas")
    parser.add_argument("--report", type=Path, default=Path(".local/conformance.json"), metavar="FILE")
    return parser.parse_args(argv)


@contextmanager
def _emulator(*, other: bool) -> Iterator[Client]:
    settings = {**SETTINGS, **(OTHER_SETTINGS if other else {})}
    with tempfile.TemporaryDirectory() as folder, own_emulator(Path(folder), settings) as (endpoint, token):
        yield Client(endpoint, token)


@contextmanager
def _railway() -> Iterator[Client]:
    token = os.environ.get("RAILWAY_API_TOKEN", "")
    if not token:
        raise Failure("RAILWAY_API_TOKEN", "not set", "make an account or workspace token (railway.com/account/tokens)")
    yield Client(checked_endpoint(os.environ.get("RAILWAY_ENDPOINT") or DEFAULT_ENDPOINT), token)


def _ask(client: Client, scenarios: Sequence[Scenario]) -> None:
    """Print what is about to happen, and continue only after a yes.

    Raises:
        Failure: the answer was not yes.
    """
    left = ", ".join(str(row["name"]) for row in left_over(client)) or "none"
    sys.stdout.write(
        f"{client.endpoint}: {len(scenarios)} scenarios in one project that is made for them and deleted at the end,\n"
        f"  at most {sum(one.deployments for one in scenarios)} deployments and {MOST_SECONDS / 60:.0f} minutes, "
        f"at most ${most_dollars(scenarios):.2f} at Railway's published prices.\n"
        f"  Projects of earlier runs, which are deleted too: {left}\n"
        "Go on? [yes/no] "
    )
    sys.stdout.flush()
    if sys.stdin.readline().strip() != "yes":
        raise Failure("conformance", "not confirmed, nothing was made", "answer yes, or give --yes")


if __name__ == "__main__":
    sys.exit(workflow.run(main))

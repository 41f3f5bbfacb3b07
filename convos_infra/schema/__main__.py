"""`python -m convos_infra.schema plan` prints the plan. The URL is read from DATABASE_URL, never from an argument.

`statements` prints the table of statements.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from convos_infra.schema import guards
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import State, inspect
from convos_infra.schema.effects_page import page
from convos_infra.schema.limits import Limits, is_duration
from convos_infra.schema.migration import FOLDER, SyntaxProblem, parse, read_folder
from convos_infra.schema.plan import make_plan
from railway_api.failure import Failure

WAIT_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    """Print the plan, or the table of statements.

    Returns:
        0 if nothing is pending, 2 if something is, 1 after an error.
    """
    parser = argparse.ArgumentParser(prog="python -m convos_infra.schema", description=__doc__)
    parser.add_argument("command", choices=["plan", "statements"])
    parser.add_argument("--target", default="", help="the last version to apply; the newest by default")
    parser.add_argument("--baseline", default="", help="the version that a database without a history already has")
    parser.add_argument(
        "--statement-timeout",
        type=_duration,
        default=Limits.statement_timeout,
        help="for a file that sets none",
    )
    parser.add_argument("--migrations", type=Path, default=FOLDER, help="the folder with the files")
    options = parser.parse_args(arguments)
    if options.command == "statements":
        sys.stdout.write(page())
        return 0
    url = os.environ.get("DATABASE_URL", "")
    try:
        lines, code = _plan(options, url)
    except Failure as error:
        lines, code = _error_lines(error), 1
    sys.stdout.write("\n".join(lines) + "\n")
    return code


def _plan(options: argparse.Namespace, url: str) -> tuple[list[str], int]:
    migrations = parse(read_folder(options.migrations))
    state = inspect(parse_url(url, subject="DATABASE_URL"), wait_seconds=WAIT_SECONDS) if url else None
    plan = make_plan(migrations, state.applied if state else (), options.target, options.baseline)
    lines = _head(state, url)
    lines += [f"would only be marked as applied: {one.file}" for one in plan.baseline]
    for one in plan.pending:
        lines += ["", f"-- pending: {one.file}", one.sql.rstrip("\n")]
    problems = guards.check(plan.pending, plan.done(migrations), statement_timeout=options.statement_timeout)
    if problems:
        return [*lines, "", *(line for problem in problems for line in _error_lines(problem))], 1
    return ([*lines, "nothing is pending"], 0) if plan.is_empty else (lines, 2)


def _duration(text: str) -> str:
    if not is_duration(text):
        raise argparse.ArgumentTypeError(f"not a time such as 500ms, 60s or 10min: {text[:80]!r}")
    return text


def _error_lines(problem: Failure) -> list[str]:
    """Return an error as lines: a syntax error includes its line and a caret below the position."""
    excerpt = problem.excerpt if isinstance(problem, SyntaxProblem) else ()
    return [f"error: {problem}", *(f"  {line}" for line in excerpt)]


def _head(state: State | None, url: str) -> list[str]:
    if state is None:
        return ["no DATABASE_URL: this is the plan for an empty database"]
    version = state.applied[-1].version if state.applied else "nothing"
    drift = [f"drift: {line}" for line in state.drift] or ["no drift" if state.applied else "no history"]
    return [f"database {parse_url(url)}: at {version}", *drift]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

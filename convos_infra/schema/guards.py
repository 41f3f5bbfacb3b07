"""Refuses what a migration must not do, or must allow explicitly. Pure: from the text alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.schema import judge, lasting
from convos_infra.schema.known import Known
from convos_infra.schema.limits import Limits, in_seconds, is_duration
from convos_infra.schema.outside_transaction import problem_inside, problem_outside
from convos_infra.schema.released import ALLOWED
from convos_infra.schema.tree import word

if TYPE_CHECKING:
    from convos_infra.schema.migration import MigrationFile
    from convos_infra.schema.script import Statement

_TRANSACTION = {
    "TRANS_STMT_BEGIN": "BEGIN",
    "TRANS_STMT_START": "START",
    "TRANS_STMT_COMMIT": "COMMIT",
    "TRANS_STMT_ROLLBACK": "ROLLBACK",
    "TRANS_STMT_SAVEPOINT": "SAVEPOINT",
    "TRANS_STMT_RELEASE": "RELEASE",
    "TRANS_STMT_ROLLBACK_TO": "ROLLBACK",
    "TRANS_STMT_PREPARE": "PREPARE",
    "TRANS_STMT_COMMIT_PREPARED": "COMMIT",
    "TRANS_STMT_ROLLBACK_PREPARED": "ROLLBACK",
}


def check(
    migrations: Sequence[MigrationFile],
    before: Sequence[MigrationFile] = (),
    *,
    statement_timeout: str = Limits.statement_timeout,
) -> list[InfraError]:
    """Return every reason why the migrations cannot run, in order.

    Args:
        migrations: the pending ones. Applied migrations are not judged again, as the rules may be newer than they are.
        before: the applied ones, which may have prepared a change of a pending one. They are read only if something is
            pending, each once.
        statement_timeout: how long the runner waits for a statement of a file that sets no timeout.
    """
    if not migrations:
        return []
    problems: list[InfraError] = []
    known = Known()
    for migration in before:
        try:
            judge.learn(migration, known)
        except InfraError:  # it was applied, so its server could read it
            continue
    for migration in migrations:
        try:
            problems += _problems(migration, known, statement_timeout)
        except InfraError as error:
            problems.append(error)
    return problems


def _problems(migration: MigrationFile, known: Known, longest: str) -> Iterator[InfraError]:
    directives = migration.directives
    unfit = set()
    for statement in migration.script.statements:
        problem = _refusal(statement) or _timeout_refusal(statement, directives.statement_timeout or longest)
        if problem:
            unfit.add(statement.line)
            yield InfraError(f"{migration.file}:{statement.line}", *problem)
    yield from (problem_outside if directives.no_transaction else problem_inside)(migration)
    allowed = directives.allow | ALLOWED.get(migration.checksum, frozenset())
    found = judge.find(migration, known)
    for one in found:
        where = f"{migration.file}:{one.line}"
        if one.line in unfit:
            continue
        if not one.rule:
            yield InfraError(where, one.says, one.instead)
        elif one.allowance not in allowed:
            yield InfraError(where, one.says, f'add "-- allow: {one.allowance}" if that is meant')
    done = {one.allowance for one in found}
    for allowance in sorted(directives.allow - done):
        yield InfraError(migration.file, f'"-- allow: {allowance}" allows what the file does not do', "remove it")


def _refusal(statement: Statement) -> tuple[str, str] | None:
    kind, node = statement.kind, statement.node
    first = statement.text.split(maxsplit=1)[0].upper()
    if kind == "transaction_stmt":
        name = first if first in ("END", "ABORT") else _TRANSACTION[word(node, "kind")]
        return f"{name} would end the transaction that makes a migration whole", "remove it"
    if kind == "copy_stmt" and not node.filename:
        if node.is_from:
            return "COPY FROM STDIN has no data here", "write INSERT"
        return "COPY TO STDOUT has no reader here", "remove it"
    return lasting.of_session(kind, node) or lasting.of_history(node, statement.text)


def _timeout_refusal(statement: Statement, longest: str) -> tuple[str, str] | None:
    """Refuse a timeout above the runner's, because the runner closes the connection when its own has passed."""
    node = statement.node
    if statement.kind != "variable_set_stmt" or node.name != "statement_timeout" or not node.args:
        return None
    value = node.args[0].a_const
    text = value.sval.sval or f"{value.ival.ival}ms"
    seconds = in_seconds(text.replace(" ", "")) if is_duration(text.replace(" ", "")) else 0.0
    if 0 < seconds <= in_seconds(longest):
        return None
    return "SET LOCAL statement_timeout is longer than the runner waits", 'write "-- statement-timeout: 10min" above'

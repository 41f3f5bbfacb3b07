"""What a migration must not do, or only where its file says that it is meant. Pure: from the text alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.schema import destructive
from convos_infra.schema.history import TABLE

if TYPE_CHECKING:
    from convos_infra.schema.migration import Migration
    from convos_infra.schema.statements import Statement

_TRANSACTION = frozenset({"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"})
_SESSION = frozenset({"reset", "discard", "listen", "unlisten", "load"})
_OUTSIDE = {
    ("create", "index", "concurrently"): "if not exists",
    ("create", "unique", "index", "concurrently"): "if not exists",
    ("drop", "index", "concurrently"): "if exists",
    ("vacuum",): "",
    ("analyze",): "",
    ("alter", "type"): "add value if not exists",
    ("reindex", "index", "concurrently"): "",
    ("reindex", "table", "concurrently"): "",
}

_NEVER_INSIDE = tuple(kind for kind in _OUTSIDE if kind not in (("alter", "type"), ("analyze",)))


def check(migrations: Sequence[Migration], before: Sequence[Migration] = ()) -> list[InfraError]:
    """Return every reason why migrations cannot be run, in order.

    Args:
        migrations: the pending ones. Those that ran are not judged again by rules that may be younger than they.
        before: those that ran: they may have prepared what a pending one does.
    """
    problems: list[InfraError] = []
    known = list(before)
    for migration in migrations:
        problems += _unfit(migration)
        problems += destructive.check(migration, known)
        known.append(migration)
    return problems


def _unfit(migration: Migration) -> Iterator[InfraError]:
    for statement in migration.script.statements:
        problem = _statement(statement)
        if problem:
            yield InfraError(f"{migration.file}:{statement.line}", *problem)
    yield from (_outside if migration.directives.no_transaction else _inside)(migration)


def _statement(statement: Statement) -> tuple[str, str] | None:
    first, second = (*statement.head, "", "")[:2]
    words = [token.word for token in statement.tokens]
    if statement.text.startswith("\\"):
        return "is a command of psql, not SQL", "write SQL alone"
    if first in _TRANSACTION or (first, second) == ("prepare", "transaction"):
        return f"{first.upper()} would end the transaction that makes a migration whole", "remove it"
    if first == "set" and second != "local" and second != "constraints":
        return "SET would outlive the migration", "write SET LOCAL"
    if first in _SESSION or first == "prepare":
        return f"{first.upper()} would outlive the migration", "remove it"
    if first == "copy" and "stdin" in words:
        return "COPY FROM STDIN has no data here", "write INSERT"
    if TABLE in words or any(token.text == f'"{TABLE}"' for token in statement.tokens):
        return f"touches {TABLE}, the history of migrations", "leave it to the runner"
    return None


def _inside(migration: Migration) -> Iterator[InfraError]:
    for statement in migration.script.statements:
        words = tuple(token.word for token in statement.tokens[:4])
        kinds = [
            kind for kind in _OUTSIDE if words[: len(kind)] == kind and kind not in (("alter", "type"), ("analyze",))
        ]
        if kinds:
            where = f"{migration.file}:{statement.line}"
            problem = f"{' '.join(kinds[0]).upper()} cannot run in a transaction"
            yield InfraError(where, problem, 'put it in a file of its own with "-- no-transaction"')


def _outside(migration: Migration) -> Iterator[InfraError]:
    first, *more = migration.script.statements
    if more:
        problem = "a file with -- no-transaction must be one statement, or a cut run could not go on"
        yield InfraError(f"{migration.file}:{more[0].line}", problem, "give it a file of its own")
    words = tuple(token.word for token in first.tokens)
    where = f"{migration.file}:{first.line}"
    needed = [need for kind, need in _OUTSIDE.items() if words[: len(kind)] == kind]
    if not needed:
        yield InfraError(where, "needs no -- no-transaction, or cannot be repeated after a cut", "remove the directive")
    elif needed[0] and not _contains(words, tuple(needed[0].split())):
        yield InfraError(where, "could not be repeated after a cut", f"write {needed[0].upper()}")


def _contains(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return any(words[at : at + len(part)] == part for at in range(len(words)))

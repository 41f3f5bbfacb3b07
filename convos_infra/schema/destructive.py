"""Statements that lose data, or fail on a filled table: found in a file's text, also inside DO blocks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.schema.statements import Statement, Token, line_of, read_script

if TYPE_CHECKING:
    from convos_infra.schema.migration import Migration

_PLPGSQL = frozenset({"begin", "then", "else", "loop"})
_LOSSLESS_TYPES = frozenset({"text"})
_NOT_COLUMNS = frozenset({"constraint", "primary", "unique", "foreign", "check", "exclude"})


@dataclass(frozen=True)
class Finding:
    """A destructive change.

    Args:
        rule: as in `-- allow: rule object`.
        target: a table, or `table.column`.
        says: what it does, for people.
        line: in the file, from 1.
    """

    rule: str
    target: str
    says: str
    line: int

    @property
    def allowance(self) -> str:
        """What a file says when it is meant."""
        return f"{self.rule} {self.target}"


def check(migration: Migration, before: Sequence[Migration] = ()) -> Iterator[InfraError]:
    """Return what a file does that it does not allow, and what it allows and does not do."""
    found = find(migration, before)
    for one in found:
        if one.allowance not in migration.directives.allow:
            way = f'add "-- allow: {one.allowance}" if that is meant'
            yield InfraError(f"{migration.file}:{one.line}", one.says, way)
    done = {one.allowance for one in found}
    for allowance in sorted(migration.directives.allow - done):
        yield InfraError(migration.file, f'"-- allow: {allowance}" allows what the file does not do', "remove it")


def find(migration: Migration, before: Sequence[Migration] = ()) -> list[Finding]:
    """Return every destructive change of a file, in order.

    Args:
        migration: the file.
        before: earlier ones: a validated CHECK (column IS NOT NULL) of theirs makes SET NOT NULL safe.
    """
    commands = list(_commands(migration))
    made = {_named(words[2:])[0] for words in map(_words, commands) if words[:2] == ["create", "table"]}
    found = []
    for command in commands:
        line = line_of(migration.sql, command[0].offset)
        for rule, target, says in _findings(command):
            if rule == "set-not-null" and _is_proven(target, [*before, migration]):
                continue
            if not any(f"{target}.".startswith(f"{table}.") for table in made):
                found.append(Finding(rule, target, says, line))
    return found


def _commands(migration: Migration) -> Iterator[list[Token]]:
    """Return statements as lists of tokens, those inside DO blocks too, with offsets in the file."""
    for statement in migration.script.statements:
        body = next((token for token in statement.tokens if token.kind == "dollar"), None)
        if statement.head[0] != "do" or body is None:
            yield list(statement.tokens)
            continue
        quote = body.text.index("$", 1) + 1
        for inner in read_script(body.text[quote:-quote]).statements:
            yield from _parts(inner, body.offset + quote)


def _parts(statement: Statement, offset: int) -> Iterator[list[Token]]:
    """Cut a PL/pgSQL statement after the words that open a block: `IF … THEN ALTER TABLE …`."""
    current: list[Token] = []
    for token in statement.tokens:
        current.append(Token(token.kind, token.text, token.offset + offset))
        if token.word in _PLPGSQL:
            yield current
            current = []
    if current:
        yield current


def _words(tokens: Sequence[Token]) -> list[str]:
    """Return keywords and names alike; a name in quotes without them, anything else as it stands."""
    return [t.word or (t.text[1:-1].replace('""', '"') if t.kind == "name" else t.text) for t in tokens]


def _named(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the name with which `words` begin, without the schema public, and what follows it.

    After IF NOT EXISTS it is `if`: such a table may be an old one, with rows in it.
    """
    rest = list(words)
    if rest[:2] == ["if", "exists"]:
        rest = rest[2:]
    if rest[:1] == ["only"]:
        rest = rest[1:]
    if rest[1:2] == ["."]:
        return (rest[2] if rest[0] == "public" else "".join(rest[:3])), rest[3:]
    return (rest[0] if rest else ""), rest[1:]


def _findings(command: list[Token]) -> Iterator[tuple[str, str, str]]:
    words = _words(command)
    match words[:2]:
        case ["drop", "table"]:
            for part in _split(words[2:]):
                yield "drop-table", _named(part)[0], "DROP TABLE loses data"
        case ["drop", "schema" | "database" | "owned" as what]:
            yield f"drop-{what}", _named(words[2:])[0], f"DROP {what.upper()} loses data"
        case ["truncate", *_]:
            for part in _split(words[2:] if words[1:2] == ["table"] else words[1:]):
                yield "truncate", _named(part)[0], "TRUNCATE loses data"
        case ["alter", "table"]:
            yield from _alter_table(words[2:])
        case ["execute", *_]:
            yield "dynamic-sql", "execute", "EXECUTE runs SQL that no reviewer and no check can see"
    if words[:1] == ["drop"] and "cascade" in words:
        yield "cascade", _named(words[2:])[0], "CASCADE drops what is not named"
    for target in _emptied(words):
        yield "delete-all", target, "DELETE without WHERE loses every row"


def _emptied(words: list[str]) -> Iterator[str]:
    """Return the tables of which every row is deleted, anywhere: `WITH gone AS (DELETE FROM …) SELECT …`."""
    for at in range(len(words)):
        if words[at : at + 2] == ["delete", "from"] and "where" not in words[at:]:
            yield _named(words[at + 2 :])[0]


def _alter_table(words: list[str]) -> Iterator[tuple[str, str, str]]:
    table, actions = _named(words)
    for action in _split(actions):
        rest = [word for word in action if word not in ("if", "exists", "not") or action[:1] == ["add"]]
        match rest:
            case ["drop", "column", column, *_]:
                yield "drop-column", f"{table}.{column}", "DROP COLUMN loses data"
            case ["drop", column, *_] if column not in ("constraint", "default"):
                yield "drop-column", f"{table}.{column}", "DROP COLUMN loses data"
            case ["alter", "column", column, *what] | ["alter", column, *what]:
                yield from _alter_column(table, column, action[action.index(column) + 1 :] or what)
            case ["add", *definition]:
                yield from _add_column(table, definition)
        if "cascade" in action and action[:1] == ["drop"]:
            yield "cascade", table, "CASCADE drops what is not named"


def _alter_column(table: str, column: str, what: list[str]) -> Iterator[tuple[str, str, str]]:
    if what[:1] == ["type"] or what[:3] == ["set", "data", "type"]:
        kind = what[what.index("type") + 1 :]
        if not (kind[:1] and kind[0] in _LOSSLESS_TYPES and "using" not in kind):
            yield "change-type", f"{table}.{column}", "a narrower type loses data or fails on it"
    if what[:3] == ["set", "not", "null"]:
        says = "SET NOT NULL fails on a NULL, and scans the table under its strongest lock, unless a validated"
        yield "set-not-null", f"{table}.{column}", f"{says} CHECK ({column} IS NOT NULL) is there first"


def _add_column(table: str, definition: list[str]) -> Iterator[tuple[str, str, str]]:
    rest = [word for word in definition if word not in ("column", "if", "exists")]
    rest = rest[1:] if rest[:1] == ["not"] else rest  # of IF NOT EXISTS
    is_filled = any(word in rest for word in ("default", "generated", "serial", "bigserial"))
    is_required = any(rest[at : at + 2] == ["not", "null"] for at in range(len(rest)))
    if rest and rest[0] not in _NOT_COLUMNS and is_required and not is_filled:
        yield "set-not-null", f"{table}.{rest[0]}", "a NOT NULL column without DEFAULT fails on a filled table"


def _is_proven(target: str, migrations: Sequence[Migration]) -> bool:
    """Tell whether a CHECK (column IS NOT NULL) of the table was added and validated.

    PostgreSQL 12 and later then skips the scan (sql-altertable.html, SET NOT NULL).
    """
    table, _, column = target.rpartition(".")
    others = [_words(command) for migration in migrations for command in _commands(migration)]
    for words in others:
        if words[:2] != ["alter", "table"] or _named(words[2:])[0] != table or "constraint" not in words:
            continue
        checks = any(words[at : at + 4] == [column, "is", "not", "null"] for at in range(len(words)))
        if not checks or "check" not in words:
            continue
        name = words[words.index("constraint") + 1]
        if "valid" not in words or any(_validates(other, table, name) for other in others):
            return True
    return False


def _validates(words: list[str], table: str, constraint: str) -> bool:
    if words[:2] != ["alter", "table"] or _named(words[2:])[0] != table:
        return False
    return any(words[at : at + 3] == ["validate", "constraint", constraint] for at in range(len(words)))


def _split(words: list[str]) -> list[list[str]]:
    """Split at the commas that are in no parentheses."""
    parts: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts

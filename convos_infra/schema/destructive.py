"""Statements that lose data, or fail on a filled table: found in a file's text, also inside DO blocks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.schema.bodies import commands
from convos_infra.schema.statements import Token, line_of

if TYPE_CHECKING:
    from convos_infra.schema.migration import Migration

_LOSSLESS_TYPES = frozenset({"text"})
_KEYWORDS = frozenset(
    {"where", "constraint", "column", "if", "exists", "not", "null", "only", "default", "type", "set", "from", "delete"}
    | {
        "table",
        "cascade",
        "generated",
        "serial",
        "bigserial",
        "execute",
        "true",
        "using",
        "valid",
        "check",
        "rename",
        "to",
    }
)
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
        before: earlier ones: a validated CHECK (column IS NOT NULL) of theirs makes SET NOT NULL safe, and functions of
            theirs may be called.
    """
    earlier = [_words(command.tokens) for one in before for command in commands(one, ())]
    made: set[str] = set()
    found = []
    for command in commands(migration, before):
        words = _words(command.tokens)
        line = line_of(migration.sql, command.tokens[0].offset)
        for rule, target, says in _findings(words, in_body=not command.is_plain):
            if rule == "set-not-null" and _is_proven(target, earlier):
                continue
            if not any(f"{target}.".startswith(f"{table}.") for table in made):
                found.append(Finding(rule, target, says, line))
        earlier.append(words)
        if command.is_plain:
            made = _made_after(made, words)
    return found


def _made_after(made: set[str], words: list[str]) -> set[str]:
    """Return the tables whose rows are all of this file: lost is what was there before it."""
    rest = [word for word in words[:3] if word not in ("temp", "temporary", "unlogged")] + words[3:]
    if rest[:2] == ["create", "table"]:
        return made | {_named(rest[2:])[0]}  # `if` after IF NOT EXISTS: such a table may be an old one
    if rest[:2] == ["drop", "table"]:
        return made - {_named(part)[0] for part in _split(rest[2:])}
    if rest[:2] == ["alter", "table"] and "rename" in rest and rest[-2:-1] == ["to"]:
        return made - {_named(rest[2:])[0], rest[-1]}
    return made


def _words(tokens: Sequence[Token]) -> list[str]:
    """Return keywords and names alike; a name in quotes without them, anything else as it stands."""
    return [t.word or (_name(t.text) if t.kind == "name" else t.text) for t in tokens]


def _name(quoted: str) -> str:
    """Return a name without its quotes, but with them where it would read like a keyword: a column named "where"."""
    bare = quoted[1:-1].replace('""', '"')
    return quoted if bare in _KEYWORDS else bare


def _named(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the name with which `words` begin, without the schema public, and what follows it.

    After IF NOT EXISTS it is `if`.
    """
    rest = list(words)
    if rest[:2] == ["if", "exists"]:
        rest = rest[2:]
    if rest[:1] == ["only"]:
        rest = rest[1:]
    length = 3 if rest[1:2] == ["."] else 1
    name = "".join(rest[:length]).removeprefix("public.")
    after = rest[length:]
    return name, after[1:] if after[:1] == ["*"] else after  # `a *` is `a` with its descendants


def _findings(words: list[str], *, in_body: bool) -> Iterator[tuple[str, str, str]]:
    match words[:2]:
        case ["drop", "table"]:
            for part in _split(words[2:]):
                yield "drop-table", _named(part)[0], "DROP TABLE loses data"
        case ["drop", "schema" | "database" | "owned" as what]:
            yield f"drop-{what}", _named(words[2:])[0], f"DROP {what.upper()} loses data"
        case ["alter", "table"]:
            yield from _alter_table(words[2:])
        case ["alter", "type"]:
            yield from _alter_type(words[2:])
    if _executes(words, in_body=in_body):
        yield "dynamic-sql", "execute", "EXECUTE runs SQL that no reviewer and no check can see"
    if words[:1] == ["drop"] and "cascade" in words:
        yield "cascade", _named(words[2:])[0], "CASCADE drops what is not named"
    yield from _emptied(words)


def _executes(words: list[str], *, in_body: bool) -> bool:
    """Tell EXECUTE of a text, also in RETURN QUERY EXECUTE and FOR … IN EXECUTE, from a trigger's and from a right."""
    if not in_body:
        return words[:1] == ["execute"]
    places = [at for at, word in enumerate(words) if word == "execute"]
    return any(words[at + 1 : at + 2] not in (["function"], ["procedure"], ["on"]) for at in places)


def _emptied(words: list[str]) -> Iterator[tuple[str, str, str]]:
    """Return the tables of which every row goes; DELETE anywhere: `WITH gone AS (DELETE FROM …) SELECT …`."""
    if words[:1] == ["truncate"]:
        for part in _split(words[2:] if words[1:2] == ["table"] else words[1:]):
            yield "truncate", _named(part)[0], "TRUNCATE loses data"
    if words[:1] == ["merge"] and "delete" in words:
        target = _named(words[2:] if words[1:2] == ["into"] else words[1:])[0]
        yield "merge-delete", target, "MERGE … DELETE loses every row that it matches"
    for at in range(len(words)):
        if words[at : at + 2] == ["delete", "from"] and not _has_condition(words[at + 2 :]):
            yield "delete-all", _named(words[at + 2 :])[0], "DELETE without WHERE loses every row"


def _has_condition(rest: list[str]) -> bool:
    """Tell whether a DELETE has a WHERE of its own that is not simply true; a subquery's, or a later one's, is not."""
    depth = 0
    for at, word in enumerate(rest):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth < 0 or word == ";":
            return False
        if word == "where" and depth == 0:
            return not _is_always_true([one for one in rest[at + 1 :] if one not in ("(", ")")])
    return False


def _is_always_true(condition: list[str]) -> bool:
    first, sign, second = (*condition[:3], "", "", "")[:3]
    ends = ("", "returning", ";")
    if first == "true" and sign in ends:
        return True
    is_literal = first[:1].isdigit() or first[:1] == "'"
    return is_literal and sign == "=" and first == second and (*condition[3:4], "")[0] in ends


def _alter_type(words: list[str]) -> Iterator[tuple[str, str, str]]:
    name, actions = _named(words)
    for action in _split(actions):
        if action[:2] in (["drop", "attribute"], ["alter", "attribute"]):
            attribute = _named(action[2:])[0]
            yield f"{action[0]}-attribute", f"{name}.{attribute}", f"{action[0].upper()} ATTRIBUTE loses data"


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


def _is_proven(target: str, earlier: Sequence[list[str]]) -> bool:
    """Tell whether a CHECK (column IS NOT NULL) of the table was added and validated, and is still there.

    PostgreSQL 12 and later then skips the scan (sql-altertable.html, SET NOT NULL).
    """
    table, _, column = target.rpartition(".")
    added: set[str] = set()
    valid: set[str] = set()
    for words in earlier:
        if words[:2] != ["alter", "table"] or _named(words[2:])[0] != table:
            continue
        for action in _split(_named(words[2:])[1]):
            match action:
                case ["add", "constraint", name, "check", "(", one, "is", "not", "null", ")", *rest] if one == column:
                    (added if rest[:2] == ["not", "valid"] else valid).add(name)
                case ["validate", "constraint", name] if name in added:
                    valid.add(name)
                case ["drop", "constraint", *rest]:
                    valid.discard(_named(rest)[0])
    return bool(valid)


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

"""Migrations as values: numbered SQL files, their checksums and the directives in their comments. Pure."""

from __future__ import annotations

import difflib
import functools
import hashlib
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from convos_infra.errors import InfraError
from convos_infra.schema.limits import is_duration
from convos_infra.schema.script import Comment, NotSqlError, Script, comments, read_script

FOLDER = Path(__file__).parent / "migrations"
"""The migrations of this program."""
_FILE = re.compile(r"(?P<version>[0-9]{4})_(?P<name>[a-z0-9]+(?:_[a-z0-9]+)*)\.sql", re.ASCII)
_DIRECTIVE = re.compile(r"(?P<key>[a-z]+(?:-[a-z]+)*)(?P<colon>:)?(?:\s+(?P<value>.*))?")
_IMAGE = re.compile(r"sha-[0-9a-f]{7,40}")
_ALLOW = re.compile(r"[a-z]+(-[a-z]+)* \S.*")
_FORMS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "lock-timeout": (is_duration, "a time such as 500ms, 5s or 2min"),
    "statement-timeout": (is_duration, "a time such as 500ms, 60s or 10min"),
    "requires-image": (_IMAGE.fullmatch, "an image revision such as sha-1a2b3c4"),
    "allow": (_ALLOW.fullmatch, "a rule and its object, such as drop-column agent_metadata.notes"),
}
_FLAGS = frozenset({"no-transaction"})
_DIRECTIVE_LINE = re.compile(rf"--\s*({'|'.join([*_FORMS, *_FLAGS])})")


@dataclass(frozen=True)
class Directives:
    """The directives in a migration's comments.

    Attributes:
        no_transaction: whether it runs outside a transaction; then it is one statement that can be repeated.
        lock_timeout: how long a statement may wait for a lock, in PostgreSQL's notation; empty for the run's default.
        statement_timeout: how long a statement may run; empty for the default.
        requires_image: the oldest image revision that works with the schema after it.
        allow: the destructive changes that it allows, each `rule object`.
    """

    no_transaction: bool = False
    lock_timeout: str = ""
    statement_timeout: str = ""
    requires_image: str = ""
    allow: frozenset[str] = frozenset()


class SyntaxProblem(InfraError):
    """A file that is not SQL.

    Attributes:
        excerpt: its line, and below it a caret at the position.
    """

    def __init__(self, file: str, error: NotSqlError) -> None:
        where = f"{file}:{error.line}"
        if error.text[error.column - 1 :].startswith("\\"):
            super().__init__(where, "is a command of psql, not SQL", "write SQL alone")
        else:
            super().__init__(where, f'PostgreSQL\'s parser says "{error.problem}"', f"see the ^ in: {error.marked}")
        self.excerpt = error.caret


@dataclass(frozen=True)
class MigrationFile:
    """One file; its SQL is parsed only on demand.

    Attributes:
        version: its four digits.
        name: the part between version and `.sql`.
        sql: the whole text.
        checksum: `sha256:` of the text; independent of git's conversion of line endings.
    """

    version: str
    name: str
    sql: str
    checksum: str

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.version}_{self.name}.sql"

    @functools.cached_property
    def script(self) -> Script:
        """Its statements.

        Raises:
            InfraError: it is not SQL, or contains no statement.
        """
        try:
            script = read_script(self.sql)
        except NotSqlError as error:
            raise SyntaxProblem(self.file, error) from None
        if not script.statements:
            raise InfraError(self.file, "has no statement", "write one, or remove the file")
        return script

    @functools.cached_property
    def directives(self) -> Directives:
        """Its directives.

        Raises:
            InfraError: a directive is invalid, or it is not SQL.
        """
        return _directives(self.file, self.script)

    @property
    def schemas(self) -> frozenset[str]:
        """The schemas that it creates; a file that creates none is not parsed."""
        if "schema" not in self.sql.lower():
            return frozenset()
        return frozenset(one.node.schemaname for one in self.script.statements if one.kind == "create_schema_stmt")

    @property
    def requires_image(self) -> str:
        """The oldest image revision that works with the schema after it; a file without the directive is not parsed."""
        return self.directives.requires_image if "requires-image" in self.sql else ""


def read_folder(folder: Path = FOLDER) -> dict[str, str]:
    """Return the texts of all migrations of a folder by their file names, in order.

    Raises:
        InfraError: the folder or a file cannot be read, or a file is not UTF-8.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".sql")
        return {path.name: _read(path) for path in files}
    except OSError as error:
        raise InfraError(f"migrations in {folder.name}", error.strerror or "cannot be read") from None


def _read(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InfraError(f"{path.name}:{line}", "is not UTF-8", "save it as UTF-8") from None


def latest_version(folder: Path = FOLDER) -> str:
    """Return the version of the newest migration, such as `0001`; empty if there is none."""
    return max((name[:4] for name in read_folder(folder) if _FILE.fullmatch(name)), default="")


def parse(files: Mapping[str, str]) -> tuple[MigrationFile, ...]:
    """Return the migrations in order.

    Args:
        files: texts by file name.

    Raises:
        InfraError: the first invalid name, order or text.
    """
    migrations = tuple(parse_file(name, files[name]) for name in sorted(files))
    for before, one in itertools.pairwise(migrations):
        if one.version == before.version:
            raise InfraError(one.file, f"has the same number as {before.file}", f"number it {_next(migrations[-1])}")
    for expected, one in enumerate(migrations, start=1):
        if int(one.version) != expected:
            raise InfraError(one.file, f"{expected:04} is missing before it", "numbers must have no gap")
    return migrations


def _next(newest: MigrationFile) -> str:
    return f"{int(newest.version) + 1:04}"


@functools.lru_cache(maxsize=4096)
def parse_file(name: str, text: str) -> MigrationFile:
    """Parse one file; the result is cached by text, so that it is parsed once.

    Raises:
        InfraError: its name or text is invalid; its SQL is checked later.
    """
    match = _FILE.fullmatch(name)
    if match is None:
        raise InfraError(name, "is not a migration's name", "name it like 0002_add_notes.sql")
    if text.startswith("\ufeff"):
        raise InfraError(f"{name}:1", "begins with a byte order mark", "save it as UTF-8 without one")
    if "\x00" in text:
        raise InfraError(name, "contains a NUL character", "remove it")
    sql = text.replace("\r\n", "\n")
    checksum = f"sha256:{hashlib.sha256(sql.encode()).hexdigest()}"
    return MigrationFile(match["version"], match["name"], sql, checksum)


def _directives(name: str, script: Script) -> Directives:
    values: dict[str, str] = {}
    allow = set()
    first = script.statements[0].line
    for comment in _comments(script):
        match = _DIRECTIVE.fullmatch(comment.text)
        if match is None or not _is_directive(match, head=comment.line < first):
            continue
        where, key, value = f"{name}:{comment.line}", match["key"], (match["value"] or "").strip()
        if key not in _FLAGS:
            _check_form(where, key, value)
        if key == "allow":
            allow.add(value)
        elif key in values:
            raise InfraError(where, f"{key} is given twice", "keep one")
        values[key] = value
    return Directives(
        no_transaction="no-transaction" in values,
        lock_timeout=values.get("lock-timeout", ""),
        statement_timeout=values.get("statement-timeout", ""),
        requires_image=values.get("requires-image", ""),
        allow=frozenset(allow),
    )


def _comments(script: Script) -> tuple[Comment, ...]:
    """Return the comments that may be directives; after the first statement, only those that look like one."""
    if _DIRECTIVE_LINE.search(script.sql, len(script.head)):
        return script.comments
    return comments(script.head)


def _is_directive(match: re.Match[str], *, head: bool) -> bool:
    """Tell a directive from prose: before the first statement, any `key: value` must be a known directive."""
    key = match["key"]
    if match["colon"]:
        return head or key in _FORMS
    return key in _FLAGS and not match["value"]


def _check_form(where: str, key: str, value: str) -> None:
    if key not in _FORMS:
        near = difflib.get_close_matches(key, [*_FORMS, *_FLAGS], n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted([*_FORMS, *_FLAGS]))}"
        raise InfraError(where, f'"{key}" is not a directive', f"{hint} (prose begins with a capital)")
    is_valid, wanted = _FORMS[key]
    if not is_valid(value):
        raise InfraError(where, f"{key} must be {wanted}", f"not {value[:60]!r}")

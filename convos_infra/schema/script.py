"""Splits SQL into statements and comments, with their lines, using PostgreSQL's own parser (libpg_query).

The library is loaded when the first text is read: a preview without pending migrations reads none.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_CONTEXT = 60
"""How many characters of a line are shown on each side of a syntax error."""


class NotSqlError(Exception):
    """A text that is not SQL.

    Attributes:
        problem: PostgreSQL's message.
        line: the line, from 1.
        column: the column in the line, from 1.
        text: the line's text.
    """

    def __init__(self, problem: str, line: int, column: int, text: str) -> None:
        super().__init__(problem)
        self.problem, self.line, self.column, self.text = problem, line, column, text

    @property
    def caret(self) -> tuple[str, str]:
        """The line, and below it a caret at the position."""
        blank = "".join("\t" if one == "\t" else " " for one in self.text[: self.column - 1])
        return self.text, f"{blank}^"

    @property
    def marked(self) -> str:
        """The part of the line around the position, with a `^` before the position."""
        start = max(0, self.column - 1 - _CONTEXT)
        return f"{self.text[start : self.column - 1]}^{self.text[self.column - 1 :][:_CONTEXT]}".strip()


@dataclass(frozen=True)
class Comment:
    """A comment that begins with `--`: its text without the dashes, and its line, from 1."""

    text: str
    line: int


@dataclass(frozen=True)
class Statement:
    """A statement.

    Attributes:
        text: its text, without the semicolon.
        offset: the offset of its first character in the file, from 0.
        line: the line of its first token, from 1.
        kind: PostgreSQL's name of the parse tree's root, such as `alter_table_stmt`.
        node: the parse tree.
        start: the offset of its first byte in the file, in which the tree counts.
    """

    text: str
    offset: int
    line: int
    kind: str = ""
    node: Any = field(default=None, repr=False, compare=False)
    start: int = field(default=0, repr=False, compare=False)

    def line_of(self, location: int) -> int:
        """Return the line of a location in its tree."""
        return self.line + bisect.bisect_left(self._line_breaks, location - self.start)

    @functools.cached_property
    def _line_breaks(self) -> list[int]:
        return [match.start() for match in re.finditer(b"\n", self.text.encode())]


@dataclass(frozen=True)
class Script:
    """The statements of a text; its comments are read on demand."""

    sql: str
    statements: tuple[Statement, ...]

    @property
    def comments(self) -> tuple[Comment, ...]:
        """All comments that begin with `--`."""
        return comments(self.sql)

    @property
    def head(self) -> str:
        """The part before the first statement: comments and whitespace."""
        return self.sql[: self.statements[0].offset] if self.statements else self.sql


def line_of(sql: str, offset: int) -> int:
    """Return the line, from 1, of a character of `sql`."""
    return sql.count("\n", 0, offset) + 1


def read_script(sql: str) -> Script:
    """Split a text into its statements.

    Raises:
        NotSqlError: it is not SQL.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415  # see above
    from postgast.errors import PgQueryError  # noqa: PLC0415
    from postgast.parse import parse  # noqa: PLC0415

    try:
        tree = parse(sql)
    except DecodeError:  # protobuf reads at most a hundred levels (its default recursion limit)
        first = len(sql) - len(without_comments(sql).lstrip()) + 1
        raise unreadable(sql, "it is nested too deeply to be checked", first) from None
    except PgQueryError as error:
        blank = without_comments(sql)
        if blank == sql:
            raise unreadable(sql, error.message, error.cursorpos) from None
        try:
            tree = parse(blank)
        except PgQueryError as real:
            before = len(blank[: max(0, real.cursorpos - 1)].encode())
            raise unreadable(sql, real.message, len(sql.encode()[:before].decode(errors="ignore")) + 1) from None
    return Script(sql, tuple(_statements(sql.encode(), tree.stmts)))


def unreadable(sql: str, problem: str, cursor: int) -> NotSqlError:
    """Return the error for a text that cannot be parsed.

    Args:
        sql: the text.
        problem: the message of PostgreSQL's parser.
        cursor: the position in characters, from 1.
    """
    before = sql[: max(0, cursor - 1)]
    if not sql[len(before) :].strip() and before.strip():
        before = before.rstrip()  # the text ends on its last line that is not empty
    start = before.rfind("\n") + 1
    end = sql.find("\n", len(before))
    text = sql[start : len(sql) if end < 0 else end]
    return NotSqlError(problem, before.count("\n") + 1, len(before) - start + 1, text)


def _statements(raw: bytes, trees: Any) -> Iterator[Statement]:
    offset, line, done = 0, 1, 0
    for tree in trees:
        start = tree.stmt_location
        between = raw[done:start].decode()
        offset, line, done = offset + len(between), line + between.count("\n"), start
        end = start + tree.stmt_len if tree.stmt_len else len(raw)
        kind = tree.stmt.WhichOneof("node")
        yield Statement(raw[start:end].decode().rstrip(), offset, line, kind, getattr(tree.stmt, kind), start)


def comments(sql: str) -> tuple[Comment, ...]:
    """Return all comments of a text that begin with `--`.

    Raises:
        NotSqlError: it cannot be split into tokens.
    """
    if "--" not in sql:
        return ()
    from postgast.errors import PgQueryError  # noqa: PLC0415
    from postgast.pg_query_pb2 import Token  # noqa: PLC0415
    from postgast.scan import scan  # noqa: PLC0415

    raw = sql.encode()
    try:
        tokens = scan(sql).tokens
    except PgQueryError as error:
        raise unreadable(sql, error.message, error.cursorpos) from None
    found, line, done = [], 1, 0
    for token in tokens:
        if token.token == Token.SQL_COMMENT:
            line, done = line + raw.count(b"\n", done, token.start), token.start
            found.append(Comment(raw[token.start + 2 : token.end].decode().strip(), line))
    return tuple(found)


def without_comments(sql: str) -> str:
    """Return a text of the same length in bytes, with spaces in place of its comments.

    libpg_query's parser takes a comment for a token where PostgreSQL looks one token ahead (parser.c: base_yylex), so
    it refuses `NOT /* … */ IN`, and strings that a line comment separates. A block comment between two strings stays:
    PostgreSQL refuses it too, and spaces would join the strings. A text that cannot be split is returned unchanged.
    """
    from postgast.errors import PgQueryError  # noqa: PLC0415
    from postgast.pg_query_pb2 import Token  # noqa: PLC0415
    from postgast.scan import scan  # noqa: PLC0415

    if "--" not in sql and "/*" not in sql:
        return sql
    raw = bytearray(sql.encode())
    try:
        tokens = scan(sql).tokens
    except PgQueryError:
        return sql
    before, blocks = 0, list[tuple[int, int]]()
    for token in tokens:
        if token.token == Token.SQL_COMMENT:
            _blank(raw, token.start, token.end)
        elif token.token == Token.C_COMMENT:
            blocks.append((token.start, token.end))
        else:
            if not (blocks and token.token == Token.SCONST and before in _strings(Token)):
                for start, end in blocks:
                    _blank(raw, start, end)
            before, blocks = token.token, []
    for start, end in blocks:
        _blank(raw, start, end)
    return raw.decode()


def _strings(token: Any) -> frozenset[int]:
    return frozenset({token.SCONST, token.USCONST, token.BCONST, token.XCONST})


def _blank(raw: bytearray, start: int, end: int) -> None:
    raw[start:end] = re.sub(rb"[^\n]", b" ", raw[start:end])


def body_line(statement: Statement) -> int:
    """Return the line of the first character of a function's or a DO block's quoted body."""
    quote = re.search(r"\$\w*\$|\bAS\s+[eE]?'|^DO\s+[eE]?'", statement.text, re.IGNORECASE)
    return statement.line + (statement.text.count("\n", 0, quote.end()) if quote else 0)

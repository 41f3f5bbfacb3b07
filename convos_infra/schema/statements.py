"""SQL text -> its statements and comments, with their lines; the lexer's rules are PostgreSQL's, nothing is parsed.

Rules: postgresql.org/docs/current/sql-syntax-lexical.html. `standard_conforming_strings` is taken as on, its default
since 9.1; the runner sets it.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<line>--[^\n]*)
  | (?P<block>/\*)
  | (?P<escape>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z))
  | (?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z))
  | (?P<name>(?:[uU]&)?"(?:[^"]|"")*(?:"|\Z))
  | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?)\$)
  | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
  | (?P<number>\d[\w.]*)
  | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Token:
    """A piece of SQL that matters: no space, no comment.

    Args:
        kind: `word`, `name` (quoted), `string`, `dollar` (a dollar-quoted string), `number` or `symbol`.
        text: as written.
        offset: of its first character in the file, from 0.
    """

    kind: str
    text: str
    offset: int

    @property
    def word(self) -> str:
        """The keyword or folded name that it is; empty for anything else."""
        return self.text.lower() if self.kind == "word" else ""


@dataclass(frozen=True)
class Comment:
    """A comment that begins with `--`: its text without the dashes, and its line, from 1."""

    text: str
    line: int


@dataclass(frozen=True)
class Statement:
    """One statement.

    Args:
        text: without the semicolon, from its first token to its last.
        offset: of its first character in the file, from 0.
        line: of its first token, from 1.
        tokens: what it is made of.
    """

    text: str
    offset: int
    line: int
    tokens: tuple[Token, ...]

    @property
    def head(self) -> tuple[str, ...]:
        """The keywords with which it begins."""
        return tuple(token.word for token in self.tokens[:6])


@dataclass(frozen=True)
class Script:
    """The statements and the line comments of one file."""

    statements: tuple[Statement, ...]
    comments: tuple[Comment, ...]


def line_of(sql: str, offset: int) -> int:
    """Return the line, from 1, of a character of `sql`."""
    return sql.count("\n", 0, offset) + 1


def read_script(sql: str) -> Script:
    """Split a file at the semicolons that end statements: not those in strings, comments, parentheses or bodies.

    A string, comment or body that is not closed reaches to the end of the text: PostgreSQL says what is wrong with it.
    """
    statements: list[Statement] = []
    comments: list[Comment] = []
    current: list[Token] = []
    depth = 0
    for kind, start, end in _lex(sql):
        if kind == "line":
            comments.append(Comment(sql[start + 2 : end].strip(), line_of(sql, start)))
        if kind in ("line", "block", "space"):
            continue
        token = Token(kind, sql[start:end], start)
        if token.text == ";" and depth <= 0:
            statements += _statement(sql, current)
            current, depth = [], 0
            continue
        depth += _nesting(token, current)
        current.append(token)
    statements += _statement(sql, current)
    return Script(tuple(statements), tuple(comments))


def _statement(sql: str, tokens: list[Token]) -> list[Statement]:
    if not tokens:
        return []
    start, end = tokens[0].offset, tokens[-1].offset + len(tokens[-1].text)
    return [Statement(sql[start:end], start, line_of(sql, start), tuple(tokens))]


def _nesting(token: Token, before: list[Token]) -> int:
    """Return +1 where semicolons stop to end statements, -1 where they begin to again.

    `CREATE FUNCTION … BEGIN ATOMIC …; …; END` holds semicolons outside any quotes (PostgreSQL 14); inside it, CASE has
    an END of its own.
    """
    if token.text in ("(", ")"):
        return 1 if token.text == "(" else -1
    is_routine = bool(before) and before[0].word == "create" and any(t.word in _ROUTINES for t in before[:5])
    if not is_routine:
        return 0
    in_body = any(one.word == "begin" and two.word == "atomic" for one, two in itertools.pairwise(before))
    if token.word == "begin" or (token.word == "case" and in_body):
        return 1
    return -1 if token.word == "end" else 0


_ROUTINES = frozenset({"function", "procedure"})


def _lex(sql: str) -> list[tuple[str, int, int]]:
    found, position = [], 0
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        assert match is not None  # the last alternative takes any character
        kind, end = match.lastgroup or "symbol", match.end()
        if match["block"]:
            kind, end = "block", _end_of_block(sql, end)
        elif match["dollar"]:
            closing = sql.find(match["dollar"], end)
            kind, end = "dollar", len(sql) if closing < 0 else closing + len(match["dollar"])
        elif match["escape"]:
            kind = "string"
        found.append((kind, position, end))
        position = end
    return found


def _end_of_block(sql: str, position: int) -> int:
    """Return where a comment ends that was opened before `position`; they nest in PostgreSQL."""
    depth = 1
    while depth:
        edge = _BLOCK_EDGE.search(sql, position)
        if edge is None:
            return len(sql)
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position

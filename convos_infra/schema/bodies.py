"""What a migration really runs: its statements, and those in DO blocks and in the functions that it calls. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.schema.statements import Statement, Token, read_script

if TYPE_CHECKING:
    from convos_infra.schema.migration import Migration

_OPENS_A_BLOCK = frozenset({"begin", "then", "else", "loop"})
_ROUTINES = frozenset({"function", "procedure"})
_SPEAKS_OF = frozenset({"create", "drop", "alter", "comment", "grant", "revoke", "security"})
"""Statements that name a function without running it."""


@dataclass(frozen=True)
class Command:
    """One statement.

    Args:
        tokens: with their places in the file; those of a called function have the call's.
        is_plain: it stands in the file itself, so it runs for sure and only once.
    """

    tokens: list[Token]
    is_plain: bool


def commands(migration: Migration, before: Sequence[Migration]) -> Iterator[Command]:
    """Return what a file runs, in order.

    Args:
        migration: the file.
        before: earlier ones, which may have made the functions that it calls.
    """
    bodies = {
        name: body
        for one in (*before, migration)
        for statement in one.script.statements
        for name, body in _routine(statement)
    }
    for statement in migration.script.statements:
        if statement.head[0] != "do":
            yield Command(list(statement.tokens), is_plain=True)
        yield from _inner(statement.tokens, bodies)


def _inner(tokens: Sequence[Token], bodies: Mapping[str, str]) -> Iterator[Command]:
    """Return what a statement runs besides itself."""
    if tokens[0].word == "do":
        body = next((token for token in tokens if token.kind in ("dollar", "string")), None)
        for one in _opened(*_text(body)) if body is not None else ():
            yield Command(one, is_plain=False)
            yield from _inner(one, bodies)
    if tokens[0].word in _SPEAKS_OF:
        return
    for token, following in itertools.pairwise(tokens):
        if following.text == "(" and _plain(token) in bodies:
            rest = {name: text for name, text in bodies.items() if name != _plain(token)}  # it may call itself
            for one in _opened(bodies[_plain(token)], 0):
                placed = [Token(each.kind, each.text, token.offset) for each in one]
                yield Command(placed, is_plain=False)
                yield from _inner(placed, rest)


def _routine(statement: Statement) -> Iterator[tuple[str, str]]:
    """Return the name and the body of the function that a statement makes."""
    tokens = statement.tokens
    kind = next((at for at, token in enumerate(tokens[:4]) if token.word in _ROUTINES), None)
    if tokens[0].word != "create" or kind is None:
        return
    opening = next((at for at, token in enumerate(tokens) if token.text == "("), 0)
    for token, following in itertools.pairwise(tokens):
        if token.word == "as" and following.kind in ("dollar", "string") and opening:
            yield _plain(tokens[opening - 1]), _text(following)[0]


def _plain(token: Token) -> str:
    return token.text[1:-1] if token.kind == "name" else token.word


def _text(body: Token) -> tuple[str, int]:
    """Return what stands in a quoted text, and where in the file."""
    if body.kind == "dollar":
        quote = body.text.index("$", 1) + 1
        return body.text[quote:-quote], body.offset + quote
    quote = body.text.index("'") + 1
    # As long as it was, so that lines stay what they are; two quotes are one quote and a blank.
    return body.text[quote:-1].replace("''", "' "), body.offset + quote


def _opened(text: str, offset: int) -> Iterator[list[Token]]:
    """Cut a body into statements, also after the words that open a block: `IF … THEN ALTER TABLE …`."""
    for statement in read_script(text).statements:
        current: list[Token] = []
        for token in statement.tokens:
            current.append(Token(token.kind, token.text, token.offset + offset))
            if token.word in _OPENS_A_BLOCK:
                yield current
                current = []
        if current:
            yield current

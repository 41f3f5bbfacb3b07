"""Reads the statements in the bodies of functions, procedures and DO blocks, in SQL and PL/pgSQL. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from convos_infra.schema.cursors import Cursors, fetched, join_rows, join_variables, of_body
from convos_infra.schema.lasting import WITHOUT_TRIGGERS
from convos_infra.schema.script import NotSqlError, Statement, body_line, read_script, unreadable, without_comments
from convos_infra.schema.tree import inner, kind_of, option, strings, word

_PROMISES = re.compile(r"(?:\{\}\},)+")
"""libpg_query writes a trigger's TG_… variables with an extra brace."""
_PLAIN_TYPES = frozenset(
    {"int2", "int4", "int8", "text", "bool", "numeric", "float4", "float8", "varchar", "timestamptz", "timestamp"}
    | {"date", "uuid", "jsonb", "json", "bytea", "interval", "record", "refcursor"}
)
_MODES = {"FUNC_PARAM_OUT": "OUT", "FUNC_PARAM_TABLE": "OUT", "FUNC_PARAM_INOUT": "INOUT"}
_EXPRESSION, _ASSIGNMENTS = 2, (3, 4, 5)
"""The parse modes of PL/pgSQL: postgres/src/include/parser/parser.h, RawParseMode."""

_LOOPS = frozenset(f"PLpgSQL_stmt_{one}" for one in ("loop", "while", "fori", "fors", "forc", "foreach_a", "dynfors"))


@dataclass(frozen=True)
class Command:
    """A statement of a body.

    Attributes:
        kind: like the kind of a `Statement`; `dynamic` for EXECUTE of a text, `transaction` for COMMIT and ROLLBACK.
        node: the parse tree; None if there is none.
        line: the line in its body, from 1.
    """

    kind: str
    node: Any
    line: int


@dataclass(frozen=True)
class RoutineBody:
    """The body of a routine.

    Attributes:
        name: its name, in our notation.
        commands: its statements.
        unread: why it could not be read; empty if it was.
        line: the line of its first character in the file.
    """

    name: str
    commands: tuple[Command, ...] = ()
    unread: str = ""
    line: int = 1


def of_block(statement: Statement) -> RoutineBody:
    """Return the body of a DO block."""
    options = statement.node.args
    language = _text(option(options, "language")) or "plpgsql"
    text = _text(option(options, "as"))
    return _read("do", language, text, "DO LANGUAGE plpgsql ", body_line(statement))


def of_function(statement: Statement, name: str) -> RoutineBody:
    """Return the body of the function or procedure that a statement creates."""
    node, line = statement.node, body_line(statement)
    if kind_of(node.sql_body):
        return RoutineBody(name, tuple(_atomic(node.sql_body)), line=statement.line)
    source = option(node.options, "as")
    texts = strings(source.list.items) if source is not None and kind_of(source) == "list" else []
    language = (_text(option(node.options, "language")) or "sql").lower()
    if not texts:
        return RoutineBody(name, unread="it has no body", line=line)
    body = _read(name, language, texts[0], _heading(node), line)
    return replace(body, commands=(*_settings(node), *body.commands))


def _settings(node: Any) -> Iterator[Command]:
    """Return a function's SET of session_replication_role as SET LOCAL: it ends with the call of the function."""
    for one in node.options:
        clause = one.def_elem.arg.variable_set_stmt
        if one.def_elem.defname == "set" and clause.name == WITHOUT_TRIGGERS:
            local = type(clause)()
            local.CopyFrom(clause)
            local.is_local = True
            yield Command("variable_set_stmt", local, 1)


def _text(node: Any) -> str:
    return str(node.string.sval) if node is not None and kind_of(node) == "string" else ""


def _atomic(body: Any) -> Iterator[Command]:
    """Return the statements of BEGIN ATOMIC … END, or of RETURN."""
    if kind_of(body) == "list":
        for one in body.list.items:
            yield from _atomic(one)
    elif kind_of(body):
        yield Command(kind_of(body), inner(body), 1)


def _read(name: str, language: str, text: str, heading: str, line: int) -> RoutineBody:
    try:
        if language == "sql":
            found = tuple(Command(one.kind, one.node, one.line) for one in read_script(text).statements)
        elif language == "plpgsql":
            found = tuple(_body_of(_plpgsql(heading, text)))
        else:
            return RoutineBody(name, unread=f"it is written in {language}", line=line)
    except NotSqlError as error:
        return RoutineBody(name, unread=error.problem, line=line)
    return RoutineBody(name, found, line=line)


def _heading(node: Any) -> str:
    """Return a CREATE FUNCTION with the same parameters, their types replaced by ones that need no catalog."""
    parameters, outputs = [], []
    for one in node.parameters:
        parameter = one.function_parameter
        mode = _MODES.get(word(parameter, "mode"), "IN")
        kind = strings(parameter.arg_type.names)[-1:]
        given = kind[0] if kind and kind[0] in _PLAIN_TYPES and not parameter.arg_type.array_bounds else "record"
        name = '"' + parameter.name.replace('"', '""') + '"' if parameter.name else ""
        parameters.append(f"{mode} {name} {given}")
        if mode != "IN":
            outputs.append(given)
    return f"CREATE FUNCTION f({', '.join(parameters)}) {_returns(node, outputs)} LANGUAGE plpgsql AS "


def _returns(node: Any, outputs: list[str]) -> str:
    """Return the RETURNS clause; with output parameters, PostgreSQL accepts only the type that they result in."""
    kinds = strings(node.return_type.names)[-1:]
    is_table = any(word(one.function_parameter, "mode") == "FUNC_PARAM_TABLE" for one in node.parameters)
    many = "SETOF " if node.return_type.setof or is_table else ""
    if outputs:
        return f"RETURNS {many}{outputs[0] if len(outputs) == 1 else 'record'}"
    if node.is_procedure or kinds == ["void"]:
        return "RETURNS void"
    if kinds in (["trigger"], ["event_trigger"]):
        return f"RETURNS {kinds[0]}"
    if many:
        return "RETURNS SETOF record"
    return f"RETURNS {kinds[0]}" if kinds and kinds[0] in _PLAIN_TYPES else "RETURNS record"


def _plpgsql(heading: str, text: str) -> Any:
    from postgast.errors import PgQueryError  # noqa: PLC0415  # loaded with the first text that is read
    from postgast.plpgsql import parse_plpgsql  # noqa: PLC0415

    tag = next(tag for tag in (f"$b{number}$" for number in range(len(text) + 2)) if tag not in text)
    try:
        return parse_plpgsql(f"{heading}{tag}{without_comments(text)}{tag}")
    except PgQueryError as error:
        raise unreadable(text, f"{error.message}", 1) from None
    except json.JSONDecodeError as error:
        try:
            return json.loads(_PROMISES.sub(lambda found: "{}," * (len(found[0]) // 4), error.doc, count=1))
        except json.JSONDecodeError:
            raise unreadable(text, "the parser's output cannot be read", 1) from None


def _body_of(tree: Any) -> Iterator[Command]:
    """Return the statements of a body, those of its cursors' rows joined with the cursors' queries."""
    cursors = of_body(tree)
    for command in _commands(tree, 1, cursors):
        if command.node is not None:
            join_rows(command.node, cursors.queries)
        yield command


def _commands(tree: Any, line: int, cursors: Cursors) -> Iterator[Command]:
    """Return the statements of a PL/pgSQL tree, in order; for expressions, their calls."""
    if isinstance(tree, list):
        for one in tree:
            yield from _commands(one, line, cursors)
    if not isinstance(tree, dict):
        return
    for kind, value in tree.items():
        here = value.get("lineno", line) if isinstance(value, dict) else line
        if kind == "PLpgSQL_expr":
            yield from _expression(value, line)
            continue
        if kind in ("PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback"):
            yield Command("transaction", None, here)
        if kind in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors") or (
            isinstance(value, dict) and "dynquery" in value
        ):
            yield Command("dynamic", None, here)
        yield from (_of_loop if kind in _LOOPS else _commands)(value, here, cursors)


def _of_loop(loop: Any, line: int, cursors: Cursors) -> Iterator[Command]:
    """Return the statements of a loop; those that run for each row of a query are joined with it.

    All iterations together change the same rows as one statement that is joined with the query: with `id = r.id` and
    a query of the same table, every row. So the query of FOR … IN, or of the cursor, is added to the USING or FROM of
    the statement.
    """
    queries = list(_expression(loop["query"]["PLpgSQL_expr"], line)) if "query" in loop else []
    yield from queries
    held = [(one.node, loop["var"]) for one in queries if one.kind == "select_stmt"]
    if "curvar" in loop:
        held += [(one, loop["var"]) for one in cursors.of(loop)]
    held += fetched(loop.get("body", []), cursors)
    for command in _commands({key: one for key, one in loop.items() if key != "query"}, line, cursors):
        if command.node is not None:
            for query, variable in held:
                join_variables(command.node, query, variable)
        yield command


def _expression(value: Any, line: int) -> Iterator[Command]:
    text, mode = value["query"], value.get("parseMode", 0)
    if mode in _ASSIGNMENTS:
        target, sign, source = text.partition(":=")
        target, source = (target, source) if sign else (target.partition("=")[0], target.partition("=")[2])
        text = f"SELECT {source}" + (f"; SELECT {target}" if "[" in target else "")  # a subscript may be any expression
    elif mode == _EXPRESSION:
        text = f"SELECT {text}"
    for one in read_script(text).statements:
        yield Command(one.kind, one.node, line)

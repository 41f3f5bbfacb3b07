"""The cursors of a body and of a file: to change the rows of a cursor is to change the rows of its query. Pure.

`DELETE FROM t WHERE CURRENT OF c` names one row, and it is run for each row that the cursor returns. So it is judged
as `DELETE FROM t USING (query) AS c WHERE t.ctid = c.ctid`. A statement with a variable that FETCH fills in a loop is
judged as one that is joined with the cursor's query, like the statements of FOR … IN SELECT.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from convos_infra.schema.script import read_script
from convos_infra.schema.tree import kind_of, strings, walk

Queries = tuple[Any, ...]
"""The queries (`SelectStmt`) that a cursor may have; None for one that is not known."""
UNKNOWN: Queries = (None,)
SOURCES = {"DeleteStmt": "using_clause", "UpdateStmt": "from_clause"}
"""By the type of a statement: the tables with which it joins its own."""
_ROW, _LOOP = "ctid", "loop"


@dataclass(frozen=True)
class Cursors:
    """The cursors of a PL/pgSQL body.

    Attributes:
        names: by the number of its variable.
        queries: by name, as CURRENT OF uses it; cursors of one name in several blocks are not told apart.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    queries: Mapping[str, Queries] = field(default_factory=dict)

    def of(self, statement: Mapping[str, Any]) -> Queries:
        """Return the known queries of the cursor of a FETCH, or of a loop over one."""
        found = self.queries.get(self.names.get(statement.get("curvar", 0), ""), ())
        return tuple(one for one in found if one is not None)


def of_body(tree: Any) -> Cursors:
    """Return the cursors that a body declares.

    Args:
        tree: the JSON of libpg_query, in which a number that is missing is 0.
    """
    function = tree[0]["PLpgSQL_function"]
    variables = {number: one.get("PLpgSQL_var", {}) for number, one in enumerate(function["datums"])}
    names = {number: one["refname"] for number, one in variables.items() if _is_cursor(one)}
    found: dict[str, list[Any]] = {name: [] for name in names.values()}
    for number, name in names.items():
        bound = variables[number].get("cursor_explicit_expr")
        found[name] += [_query(bound)] if bound else []
    for number, query in _opened(function.get("action"), set(names)):
        found[names[number]].append(query)
    return Cursors(names, {name: tuple(queries) or UNKNOWN for name, queries in found.items()})


def _is_cursor(variable: Mapping[str, Any]) -> bool:
    kind = variable.get("datatype", {}).get("PLpgSQL_type", {}).get("typname", "")
    return str(kind).rpartition(".")[2].strip('"') == "refcursor"


def _query(expression: Mapping[str, Any]) -> Any:
    """Return the query of an expression; None if it is another statement."""
    statements = read_script(expression["PLpgSQL_expr"]["query"]).statements
    return statements[0].node if len(statements) == 1 and statements[0].kind == "select_stmt" else None


def _opened(tree: Any, numbers: set[int]) -> Iterator[tuple[int, Any]]:
    """Return the variables that OPEN or an assignment changes, each with its new query; None if it is not known."""
    pending = [tree]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending += one
        if not isinstance(one, dict):
            continue
        pending += one.values()
        opened = one.get("PLpgSQL_stmt_open", {})
        if {"query", "dynquery"} & set(opened):
            yield opened.get("curvar", 0), _query(opened["query"]) if "query" in opened else None
        changed = [one.get("PLpgSQL_stmt_assign"), *one.get("PLpgSQL_row", {}).get("fields", ())]
        for each in changed:
            if each is not None and each.get("varno", 0) in numbers:
                yield each.get("varno", 0), None


def fetched(tree: Any, cursors: Cursors) -> Iterator[tuple[Any, Any]]:
    """Return the variables that FETCH fills in the statements of a loop, each with a query of its cursor."""
    if isinstance(tree, list):
        for one in tree:
            yield from fetched(one, cursors)
    elif isinstance(tree, dict):
        fetch = tree.get("PLpgSQL_stmt_fetch", {})
        if "target" in fetch:
            yield from ((query, fetch["target"]) for query in cursors.of(fetch))
        for one in tree.values():
            yield from fetched(one, cursors)


def join_variables(statement: Any, query: Any, variable: Any) -> None:
    """Join the changes of a statement with the query whose rows a variable holds one after another.

    Args:
        statement: a parse tree; modified.
        query: a `SelectStmt`.
        variable: a record, or a row of variables, as JSON: each becomes the column that it holds.
    """
    alias = variable.get("PLpgSQL_rec", {}).get("refname", _LOOP)
    fields = variable.get("PLpgSQL_row", {}).get("fields", ())
    shown = [one.res_target for one in query.target_list]
    columns = [one.name or (strings(one.val.column_ref.fields) or [""])[-1] for one in shown]
    held = dict(zip((one["name"] for one in fields), columns, strict=False))
    for node in _changes(statement):
        for kind, one in walk(node):
            column = held.get(".".join(strings(one.fields))) if kind == "ColumnRef" else ""
            if column:
                del one.fields[:]
                for part in (alias, column):
                    one.fields.add().string.sval = part
        _add(node, query, alias)


def join_rows(statement: Any, cursors: Mapping[str, Queries]) -> None:
    """Join each change WHERE CURRENT OF one of the cursors with its queries; of an unknown query it is all rows.

    Args:
        statement: a parse tree; modified.
        cursors: the queries by the cursor's name.
    """
    for node in _changes(statement):
        name = current_of(node)
        queries = cursors.get(name, ()) if name else ()
        if not queries:
            continue
        node.ClearField("where_clause")
        if None in queries:
            continue
        equal = node.where_clause.a_expr
        equal.kind = equal.DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_name["AEXPR_OP"].number
        equal.name.add().string.sval = "="
        equal.lexpr.column_ref.fields.add().string.sval = _ROW
        for part in (name, _ROW):
            equal.rexpr.column_ref.fields.add().string.sval = part
        for query in queries:
            _add(node, query, name)


def current_of(node: Any) -> str:
    """Return the cursor of WHERE CURRENT OF; empty for another condition."""
    where = node.where_clause
    return str(where.current_of_expr.cursor_name) if kind_of(where) == "current_of_expr" else ""


def _changes(statement: Any) -> list[Any]:
    """Return the UPDATEs and DELETEs of a statement, also those in its WITH."""
    return [one for kind, one in walk(statement) if kind in SOURCES]


def _add(node: Any, query: Any, alias: str) -> None:
    source = getattr(node, SOURCES[type(node).__name__]).add().range_subselect
    source.subquery.select_stmt.CopyFrom(query)
    source.alias.aliasname = alias

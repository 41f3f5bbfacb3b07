"""The operators and functions that the check of conditions evaluates have the same results on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from convos_infra.schema import sample_values as values
from tests.schema.postgres_server import Database

TEXTS = ("a", "Zx 9", "", " é", " x ", "aXbX")
INTEGERS = (-7, -1, 0, 1, 2, 10)
NUMBERS = (*INTEGERS, Decimal("2.5"), Decimal("-0.5"), Decimal("2.675"), Decimal("-7.25"))
FUNCTIONS: Sequence[tuple[str, tuple[Sequence[Any], ...]]] = (
    *[(name, (TEXTS,)) for name in ("lower", "upper", "initcap", "reverse", "btrim", "ltrim", "rtrim")],
    *[(name, (TEXTS,)) for name in ("length", "char_length", "octet_length", "bit_length")],
    *[(name, (TEXTS, INTEGERS)) for name in ("left", "right", "repeat", "substr", "substring")],
    *[(name, (TEXTS, TEXTS)) for name in ("strpos", "starts_with")],
    *[("replace", (TEXTS, TEXTS, TEXTS)), ("substr", (TEXTS, INTEGERS, INTEGERS))],
    *[(name, (NUMBERS,)) for name in ("abs", "sign", "ceil", "floor", "round", "trunc")],
    *[(name, (NUMBERS, (-1, 0, 1, 2))) for name in ("round", "trunc")],
    *[(name, (NUMBERS, NUMBERS)) for name in ("mod", "div", "power")],
)
NUMERIC_ARGUMENTS = {"round": 1, "trunc": 1, "div": 2, "power": 2}
"""How many arguments of these functions are numeric: for double precision, PostgreSQL has others with fewer digits."""
TRY = """
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN EXECUTE query INTO result; RETURN result; EXCEPTION WHEN OTHERS THEN RETURN 'refused'; END $$
"""


def _literal(value: Any, *, is_numeric: bool) -> str:
    if isinstance(value, str):
        return f"'{value}'::text"
    return f"({value})::{'numeric' if is_numeric or isinstance(value, Decimal) else 'integer'}"


def _calls() -> Iterator[tuple[str, Any]]:
    """Return queries, each with the result that is evaluated here, if it is evaluated."""
    for name, kinds in FUNCTIONS:
        for given in itertools.product(*kinds):
            numeric = NUMERIC_ARGUMENTS.get(name, 0)
            arguments = [_literal(one, is_numeric=place < numeric) for place, one in enumerate(given)]
            try:
                yield f"SELECT {name}({', '.join(arguments)})", values.call(name, list(given))
            except values.NotApplicableError:
                continue
    for operator, left, right in itertools.product("+-*/%^", NUMBERS, NUMBERS):
        sides = [_literal(one, is_numeric=operator == "^") for one in (left, right)]
        try:
            yield f"SELECT {sides[0]} {operator} {sides[1]}", values.calculate(operator, left, right)
        except values.NotApplicableError:
            continue


def _is_same(here: Any, there: str) -> bool:
    if isinstance(here, bool | str):
        return values.to_text(here) == there
    if there == "refused":
        return False
    return abs(Decimal(here) - Decimal(there)) <= Decimal("1e-9") * max(1, abs(Decimal(there)))


@pytest.mark.postgres
def test_postgresql_has_the_same_results(database: Database) -> None:
    calls: Mapping[str, Any] = dict(_calls())
    assert len(calls) > 1000
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(TRY)
        rows = connection.execute("SELECT q, try(q) FROM unnest(%s::text[]) q", (list(calls),)).fetchall()
    assert [(query, calls[query], there) for query, there in rows if not _is_same(calls[query], there)] == []

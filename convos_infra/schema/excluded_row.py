"""Looks for a row that a condition excludes: values of its columns for which it is not true. Pure.

If no such row is found, the condition counts as one that selects every row. This covers `a % 1 = 0`, `length(b) >= 0`
and `a <> 1 OR a <> 2` without a rule for each, and every condition that cannot be evaluated here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from convos_infra.schema import sample_values as values
from convos_infra.schema.condition_operator import BOOLEAN
from convos_infra.schema.sample_values import NotApplicableError
from convos_infra.schema.tree import SERIAL_TYPES

if TYPE_CHECKING:
    from convos_infra.schema.condition_term import Term, TermReader, Variable

INTEGER, DECIMAL, TEXT = "integer", "decimal", "text"
_ROW_SAMPLES: dict[str, tuple[Any, ...]] = {
    INTEGER: (-7, 1, 99999, 0, 2, -1, 3, 10, -99999),
    DECIMAL: (Decimal("2.5"), 1, Decimal("-0.5"), 0, 99999, -99999),
    TEXT: ("a", "~~~", "Zx 9", "", " é"),
    BOOLEAN: (False, True),
}
_SAME_SAMPLES: dict[str, tuple[Any, ...]] = {INTEGER: (0, -7, 1, 2, 1000), TEXT: ("q", "", "a"), BOOLEAN: (True, False)}
"""Samples of a value that all rows share, such as that of now()."""
_TYPES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("int2", "int4", "int8"), (INTEGER,)),
    **dict.fromkeys(SERIAL_TYPES, (INTEGER,)),
    **dict.fromkeys(("numeric", "float4", "float8"), (DECIMAL,)),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "citext"), (TEXT,)),
    **dict.fromkeys(("timestamp", "timestamptz", "date", "time", "timetz", "interval"), (TEXT, INTEGER)),
    "bool": (BOOLEAN,),
}
"""By PostgreSQL's name of a type: the types of the samples that stand for its values."""
_LARGEST_SEARCH = 20_000
"""The most rows that are tried for one condition, so that a long one does not stop a preview."""
_MOST_COMBINATIONS = 2_000
"""The most combinations of types that are tried for the columns of one condition."""
_MOST_CONSTANTS, _MOST_SHARED_CONSTANTS = 200, 20
_LONGEST_TEXT = 10_000
_MOST_MISFITS = 12
"""If the condition cannot be evaluated for this many rows, and was not for any before, the types do not fit."""


def types_of(name: str) -> tuple[str, ...]:
    """Return the types of the samples that stand for a column; empty if they are unknown, and then all are tried.

    Args:
        name: PostgreSQL's name of the column's type.
    """
    return _TYPES.get(name, ())


def exists(term: Term, reader: TermReader) -> bool | None:
    """Tell whether a row exists for which a condition is not true, whatever the values are that all rows share.

    Args:
        term: the condition.
        reader: the reader that has read it.

    Returns:
        True if there is one for every combination of types that fits, False if not; None if no combination fits.
    """
    plain = {key for key, one in reader.variables.items() if not one.source}
    if any(one.source & plain for one in reader.variables.values()):
        return False
    left = [_LARGEST_SEARCH]
    has_values = False
    for samples in _by_type(reader):
        outcome = _search(term, reader.variables, samples, left)
        if outcome is False:
            return False
        has_values = has_values or outcome is True
    return has_values or None


def _by_type(reader: TermReader) -> Iterator[dict[str, Sequence[Any]]]:
    """Return the values to try, by variable, for each combination of types that the variables may have."""
    keys = list(reader.variables)
    kinds = [_types(reader.variables[key]) for key in keys]
    for combination in itertools.islice(itertools.product(*kinds), _MOST_COMBINATIONS):
        found = zip(keys, combination, strict=True)
        yield {key: _samples(reader.variables[key], kind, reader.constants) for key, kind in found}


def _types(variable: Variable) -> tuple[str, ...]:
    if variable.samples:
        return ("",)
    return variable.types or tuple(_ROW_SAMPLES if variable.is_of_row else _SAME_SAMPLES)


def _samples(variable: Variable, kind: str, constants: list[Any]) -> Sequence[Any]:
    if variable.is_of_row:
        # With the samples of shared values: `id <> (SELECT max(id) FROM t)` excludes the row whose id equals that one.
        found = list(variable.samples or (*_ROW_SAMPLES[kind], *_SAME_SAMPLES.get(kind, _SAME_SAMPLES[INTEGER])))
        most = _MOST_CONSTANTS
    else:
        found, most = list(_SAME_SAMPLES[kind]), _MOST_SHARED_CONSTANTS
    for one in constants[:most] if not variable.samples else ():
        found += _near(one, kind)
    return [*found, None] if variable.may_be_null else found


def _near(constant: Any, kind: str) -> list[Any]:
    """Return a constant of a condition, and its neighbours, as values of a type."""
    if kind == TEXT and isinstance(constant, str):
        return [str.__str__(constant)]
    if kind == TEXT and isinstance(constant, int) and 0 < constant <= _LONGEST_TEXT:
        return ["x" * constant, "x" * (constant + 1)]
    if kind in (BOOLEAN, TEXT) or constant is None or isinstance(constant, bool):
        return []
    try:
        number = values.to_number(constant) if kind == DECIMAL else values.to_integer(constant)
    except NotApplicableError:
        return []
    return [number, number - 1, number + 1]


def _search(
    term: Term, variables: dict[str, Variable], samples: dict[str, Sequence[Any]], left: list[int]
) -> bool | None:
    """Return True if a row is excluded for each shared value, False if not for each, None if no value fits."""
    shared = [key for key in samples if not variables[key].is_of_row]
    own = [key for key in samples if variables[key].is_of_row]
    outcome = None
    for common in itertools.product(*(samples[key] for key in shared)):
        has_value, misfits = False, 0
        for values_of_row in itertools.product(*(samples[key] for key in own)):
            left[0] -= 1
            if left[0] < 0:
                return False
            row = {**dict(zip(shared, common, strict=True)), **dict(zip(own, values_of_row, strict=True))}
            try:
                truth = values.to_boolean(term(row))
            except NotApplicableError:
                misfits += 1
                if misfits > _MOST_MISFITS and not has_value:
                    break
                continue
            if None in values_of_row and not has_value:
                continue  # NULL fits every type
            has_value = True
            if truth is not True:
                outcome = True
                break
        else:
            if has_value:
                return False
        if not has_value:
            return None
    return outcome

"""The values that PostgreSQL's functions return, of those that are not evaluated. Data.

Source: postgresql.org/docs/current/functions.html.
"""

from __future__ import annotations

from typing import Any

ANY_VALUE = frozenset(
    (
        *("date_trunc", "timezone", "to_char", "to_timestamp", "to_date", "age", "md5", "sha256", "encode", "decode"),
        *("split_part", "regexp_replace", "translate", "lpad", "rpad", "to_tsvector", "jsonb_typeof", "json_typeof"),
        *("jsonb_extract_path", "jsonb_extract_path_text", "json_extract_path", "json_extract_path_text"),
        *("jsonb_path_exists", "jsonb_path_match", "array_position", "regexp_like", "regexp_substr"),
    )
)
"""Functions that may return any value of their type, whatever their other arguments are."""
NOT_NEGATIVE = frozenset({"array_length", "cardinality", "jsonb_array_length", "json_array_length"}) | frozenset(
    {"num_nulls", "num_nonnulls", "count"}
)
"""Functions that count, so that they never return less than 0."""
COUNTS = (0, 1, 2, 7, 99999)
"""What one of those may return."""
SOMETHING = (1, 7, 10**10, "q7", "~~", True)
"""What any other built-in function may return: never NULL, 0 or less, empty or false, as many return none of these."""
_FIELDS = {"month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59), "dow": (0, 6), "isodow": (1, 7)}
_FIELDS |= {"quarter": (1, 4), "doy": (1, 366), "week": (1, 53)}
"""The least and the greatest value of a field of `extract`."""


def of_field(node: Any) -> tuple[Any, ...]:
    """Return values of a field of `extract`, the least and the greatest among them."""
    least, greatest = _FIELDS.get(node.a_const.sval.sval.lower(), (1, 99999))
    return tuple(sorted({least, least + 1, (least + greatest) // 2, greatest - 1, greatest}))

"""The values that PostgreSQL's functions return, of those functions that are not evaluated. Data.

Source: postgresql.org/docs/current/functions.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ANY_VALUE = frozenset(
    (
        *("date_trunc", "timezone", "to_char", "to_timestamp", "to_date", "age", "encode", "decode", "split_part"),
        *("regexp_replace", "translate", "lpad", "rpad", "to_tsvector", "jsonb_path_exists", "jsonb_path_match"),
        *("jsonb_extract_path", "jsonb_extract_path_text", "json_extract_path", "json_extract_path_text"),
        *("array_position", "regexp_like", "regexp_substr"),
    )
)
"""Functions that are assumed to return any value of their type, whatever their other arguments are."""
COUNTS = (0, 1, 2, 7, 99999)
"""Samples of what a function returns that counts, so that it never returns less than 0."""
SAMPLES: Mapping[str, tuple[Any, ...]] = {
    **dict.fromkeys(("array_length", "cardinality", "jsonb_array_length", "json_array_length"), COUNTS),
    **dict.fromkeys(("num_nulls", "num_nonnulls", "count"), COUNTS),
    **dict.fromkeys(("jsonb_typeof", "json_typeof"), ("object", "array", "string", "number", "boolean", "null")),
    "md5": ("d41d8cd98f00b204e9800998ecf8427e", "ffffffffffffffffffffffffffffffff"),
}
"""By function: samples of what it returns, the least and the greatest value among them."""
SOMETHING = (1, 7, 10**10, "q7", "~~", True)
"""What any other built-in function may return: never NULL, 0 or less, empty or false, as many return none of these."""
_YEARS = (1, 99999)
_FIELDS = {
    **dict.fromkeys(("year", "isoyear", "epoch", "julian"), _YEARS),
    "millennium": (-4, 295),
    "century": (-47, 2943),
    "decade": (-472, 29427),
    "quarter": (1, 4),
    "month": (1, 12),
    "week": (1, 53),
    "day": (1, 31),
    "doy": (1, 366),
    "dow": (0, 6),
    "isodow": (1, 7),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
    "millisecond": (0, 59_999),
    "microsecond": (0, 59_999_999),
    "timezone": (-57_599, 57_599),
    "timezone_hour": (-15, 15),
    "timezone_minute": (-59, 59),
}
"""The least and the greatest value of a field of `extract`; PostgreSQL reads the plural of most names as well."""


def of_field(node: Any) -> tuple[Any, ...]:
    """Return samples of a field of `extract`, the least and the greatest value among them; empty if it is unknown."""
    name = node.a_const.sval.sval.lower()
    bounds = _FIELDS.get(name) or _FIELDS.get(name.removesuffix("s"))
    if bounds is None:
        return ()
    least, greatest = bounds
    return tuple(sorted({least, least + 1, (least + greatest) // 2, greatest - 1, greatest}))

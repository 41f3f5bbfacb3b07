"""Settings that change the meaning of a text or the notation of a value: our sessions use PostgreSQL's defaults."""

from __future__ import annotations

from collections.abc import Mapping

NEUTRAL: Mapping[str, str] = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "TimeZone": "UTC",
    "quote_all_identifiers": "off",
    "xmlbinary": "base64",
    "array_nulls": "on",
    "backslash_quote": "safe_encoding",
    "transform_null_equals": "off",
    "row_security": "on",
    "standard_conforming_strings": "on",
}


def local() -> str:
    """Return them as SET LOCAL statements: a pooler may give the session to another client after the transaction."""
    return "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in NEUTRAL.items())

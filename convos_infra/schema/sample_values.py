"""SQL's operators and functions on single values, as far as conditions of migrations use them. Pure.

The meaning is that of postgresql.org/docs/current/functions.html: NULL in, NULL out, and integers divide to integers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any


class NotApplicableError(Exception):
    """PostgreSQL refuses these values (a wrong type, a division by zero), or they are not evaluated here."""


class Literal(str):
    """A quoted constant, which takes the type of what it is compared with."""

    __slots__ = ()


@dataclass(frozen=True)
class Infinity:
    """`infinity` and `-infinity` of dates, timestamps and numbers: above or below every other value."""

    is_positive: bool


_LARGEST_EXPONENT = 64
_MOST_DIGITS = 100
_LONGEST_TEXT = 10_000
_ROUNDING = dict.fromkeys(("ceil", "ceiling"), ROUND_CEILING)
_ROUNDING |= {"floor": ROUND_FLOOR, "round": ROUND_HALF_UP, "trunc": ROUND_DOWN}
_TRUE, _FALSE = ("t", "true", "yes", "on", "1"), ("f", "false", "no", "off", "0")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def is_comparison(name: str) -> bool:
    """Tell whether an operator compares two values."""
    return name in _COMPARE


def compare(name: str, left: Any, right: Any) -> Any:
    """Return the result of a comparison: True, False, or None if a value is NULL.

    Args:
        name: the operator, such as `<>`.
        left: a value.
        right: a value.

    Raises:
        NotApplicableError: the values are of different types.
    """
    if left is None or right is None:
        return None
    if isinstance(left, tuple) and isinstance(right, tuple):
        if len(left) != len(right):
            raise NotApplicableError
        pairs = [_alike(*pair) for pair in zip(left, right, strict=True)]
        if any(None in pair for pair in pairs):
            return None
        return _COMPARE[name]([one for one, _ in pairs], [other for _, other in pairs])
    left, right = _alike(left, right)
    if isinstance(left, bool) and name not in ("=", "<>"):
        raise NotApplicableError  # PostgreSQL orders them, but no condition of a migration needs that
    return _COMPARE[name](left, right)


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two values as values of one type; a quoted constant takes the type of the other."""
    if left is None or right is None:
        return left, right
    if isinstance(left, Infinity) or isinstance(right, Infinity):
        return _rank(left), _rank(right)
    if isinstance(left, Literal) and not isinstance(right, str):
        left = _as_type_of(right, left)
    elif isinstance(right, Literal) and not isinstance(left, str):
        right = _as_type_of(left, right)
    if _type(left) is not _type(right):
        raise NotApplicableError
    return left, right


def _rank(value: Any) -> int:
    return 0 if not isinstance(value, Infinity) else 1 if value.is_positive else -1


def _type(value: Any) -> type:
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | Decimal):
        return Decimal
    return str if isinstance(value, str) else tuple


def _as_type_of(other: Any, text: str) -> Any:
    if _type(other) is tuple:
        raise NotApplicableError
    return to_boolean(text) if isinstance(other, bool) else to_number(text)


def to_boolean(value: Any) -> Any:
    """Return a value cast to boolean.

    Raises:
        NotApplicableError: it is not one.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value != 0
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise NotApplicableError


def to_number(value: Any) -> Any:
    """Return a value cast to a number.

    Raises:
        NotApplicableError: it is not one.
    """
    if value is None or (isinstance(value, int | Decimal) and not isinstance(value, bool)):
        return value
    if isinstance(value, bool):
        return int(value)
    try:
        number = Decimal(str(value))
    except ArithmeticError as error:
        raise NotApplicableError from error
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise NotApplicableError
    return int(number) if number == number.to_integral_value() and "." not in str(value) else number


def to_integer(value: Any) -> Any:
    """Return a value cast to an integer, rounded.

    Raises:
        NotApplicableError: it is not a number.
    """
    number = to_number(value)
    return int(number.to_integral_value(ROUND_HALF_UP)) if isinstance(number, Decimal) else number


def to_text(value: Any) -> Any:
    """Return a value cast to text."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def calculate(name: str, left: Any, right: Any) -> Any:
    """Return the result of an operator that calculates: `+ - * / % ^ & | # << >> ||`.

    Raises:
        NotApplicableError: PostgreSQL does not apply the operator to such values, or we do not know it.
    """
    if left is None or right is None:
        return None
    if name == "||":
        if not isinstance(left, str) and not isinstance(right, str):
            raise NotApplicableError
        return to_text(left) + to_text(right)
    if isinstance(left, Literal) and isinstance(right, int | Decimal):
        left = to_number(left)
    elif isinstance(right, Literal) and isinstance(left, int | Decimal):
        right = to_number(right)
    if _type(left) is not Decimal or _type(right) is not Decimal or name not in _CALCULATE:
        raise NotApplicableError
    try:
        return _CALCULATE[name](left, right)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise NotApplicableError from error


def _divide(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return Decimal(left) / Decimal(right)


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        return left - right * _divide(left, right)
    return Decimal(left) % Decimal(right)


def _power(left: Any, right: Any) -> Any:
    if abs(right) > _LARGEST_EXPONENT or abs(left) > 10**_MOST_DIGITS:
        raise NotApplicableError
    return Decimal(left) ** Decimal(right)


_CALCULATE: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
    "^": _power,
    "&": operator.and_,
    "|": operator.or_,
    "#": operator.xor,
}


def _rounded(rounding: str) -> Callable[..., Any]:
    return lambda one, places=0: Decimal(one).quantize(Decimal(1).scaleb(-places), rounding)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise NotApplicableError
    return value


def _number(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise NotApplicableError
        return function(value)

    return apply


def _cut(text: Any, start: Any, length: Any = None) -> str:
    first = start - 1
    last = len(_text(text)) if length is None else first + length
    return str(text)[max(first, 0) : max(last, 0)]


def _repeated(text: Any, count: Any) -> str:
    if len(_text(text)) * count > _LONGEST_TEXT:
        raise NotApplicableError
    return str(text) * int(count)


_FUNCTIONS: Mapping[tuple[str, int], Callable[..., Any]] = {
    ("lower", 1): lambda one: _text(one).lower(),
    ("upper", 1): lambda one: _text(one).upper(),
    ("initcap", 1): lambda one: _text(one).title(),
    ("reverse", 1): lambda one: _text(one)[::-1],
    ("btrim", 1): lambda one: _text(one).strip(" "),
    ("ltrim", 1): lambda one: _text(one).lstrip(" "),
    ("rtrim", 1): lambda one: _text(one).rstrip(" "),
    **{(name, 1): lambda one: len(_text(one)) for name in ("length", "char_length", "character_length")},
    ("octet_length", 1): lambda one: len(_text(one).encode()),
    ("bit_length", 1): lambda one: len(_text(one).encode()) * 8,
    ("left", 2): lambda one, count: _text(one)[:count],
    ("right", 2): lambda one, count: _text(one)[-count:] if count else "",
    ("repeat", 2): _repeated,
    ("replace", 3): lambda one, old, new: _text(one).replace(_text(old), _text(new)) if old else one,
    **{(name, count): _cut for name in ("substr", "substring") for count in (2, 3)},
    **{(name, 2): lambda one, part: _text(one).find(_text(part)) + 1 for name in ("position", "strpos")},
    ("starts_with", 2): lambda one, part: _text(one).startswith(_text(part)),
    ("abs", 1): _number(abs),
    ("sign", 1): _number(lambda one: (one > 0) - (one < 0)),
    **{(name, 1): _number(_rounded(rounding)) for name, rounding in _ROUNDING.items()},
    **{(name, 2): _rounded(_ROUNDING[name]) for name in ("round", "trunc")},
    ("mod", 2): lambda one, other: calculate("%", one, other),
    ("div", 2): lambda one, other: _rounded(ROUND_DOWN)(calculate("/", one, other)),
    **{(name, 2): lambda one, other: calculate("^", one, other) for name in ("power", "pow")},
}


def is_calculation(name: str) -> bool:
    """Tell whether an operator is one that `calculate` knows."""
    return name in _CALCULATE or name == "||"


def is_function(name: str, arguments: int) -> bool:
    """Tell whether a function is one that `call` evaluates."""
    return (name, arguments) in _FUNCTIONS


def call(name: str, arguments: list[Any]) -> Any:
    """Return the result of a function.

    Raises:
        NotApplicableError: PostgreSQL does not apply the function to such values.
    """
    if None in arguments:
        return None
    try:
        return _FUNCTIONS[name, len(arguments)](*arguments)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise NotApplicableError from error

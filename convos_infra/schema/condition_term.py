"""Turns a part of a condition into a function of the values that its columns have. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from convos_infra.schema import builtin, condition_operator, condition_subquery
from convos_infra.schema import sample_values as values
from convos_infra.schema.condition_operator import BOOLEAN, UnknownValueError, negated
from convos_infra.schema.function_ranges import ANY_VALUE, SAMPLES, SOMETHING, of_field
from convos_infra.schema.sample_values import Infinity, Literal
from convos_infra.schema.tree import inner, kind_of, strings, walk, without_locations, word

Term = Callable[[Mapping[str, Any]], Any]
"""Returns the value of an expression for the values of its variables, by their keys."""
_CASTS = {
    **dict.fromkeys(("int2", "int4", "int8"), values.to_integer),
    **dict.fromkeys(("numeric", "float4", "float8"), values.to_number),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "citext"), values.to_text),
    "bool": values.to_boolean,
}


@dataclass(frozen=True)
class Variable:
    """A value that a condition reads: a column, something derived from columns, or a value that all rows share.

    Attributes:
        is_of_row: whether it may differ from row to row.
        samples: the only values to try; empty for those of its types.
        types: the types that it may have; empty if they are unknown.
        source: the columns from which it is derived; a condition that also uses one of them itself is not evaluated.
        may_be_null: whether the condition tests it for NULL, and it may be NULL.
    """

    is_of_row: bool
    samples: tuple[Any, ...] = ()
    types: tuple[str, ...] = ()
    source: frozenset[str] = frozenset()
    may_be_null: bool = False


@dataclass
class TermReader:
    """Reads the parts of one condition, and collects its variables.

    Attributes:
        key_of: the key of a column; empty if it belongs to another table.
        types_of: the types that a column may have, by its key.
        required: the keys of columns that are never NULL.
        is_true: whether a part is known to be true for every row.
        has_open_texts: whether quoted constants may be values of any type, such as dates and intervals.
    """

    key_of: Callable[[Any], str]
    types_of: Callable[[str], tuple[str, ...]]
    required: frozenset[str]
    is_true: Callable[[Any], bool]
    has_open_texts: bool = False
    variables: dict[str, Variable] = field(default_factory=dict)
    constants: list[Any] = field(default_factory=list)
    is_null_tested: bool = False

    def __post_init__(self) -> None:
        readers = (
            self._column_ref,
            self._a_const,
            self._bool_expr,
            self._null_test,
            self._boolean_test,
            self._type_cast,
            self._collate_clause,
            self._row_expr,
            self._list,
            self._a_array_expr,
            self._coalesce_expr,
            self._min_max_expr,
            self._case_expr,
            self._a_indirection,
            self._current_of_expr,
            self._func_call,
            self._sub_link,
            self._a_expr,
        )
        self._readers: dict[str, Callable[[Any, Any], Term]] = {one.__name__[1:]: one for one in readers}

    def read(self, node: Any) -> Term:
        """Return a part of a condition as a function.

        Raises:
            UnknownValueError: its value depends on the row in a way that is unknown here.
        """
        kind = kind_of(node)
        if self.is_true(node):
            return lambda _: True
        if kind in self._readers:
            return self._readers[kind](getattr(node, kind), node)
        if self.keys(node):
            raise UnknownValueError
        return self.same_for_all(node)

    def keys(self, node: Any) -> list[str]:
        """Return the keys of the columns of the row in a tree."""
        found = (self.key_of(one) for name, one in walk(inner(node)) if name == "ColumnRef") if inner(node) else ()
        return [one for one in found if one]

    def same_for_all(self, node: Any) -> Term:
        """Return a term for a value that is unknown, but the same for all rows."""
        return self._variable(f"same {without_locations(node).hex()}", Variable(is_of_row=False))

    def _variable(self, key: str, variable: Variable) -> Term:
        known = self.variables.get(key)
        if known is None or (variable.may_be_null and not known.may_be_null):
            self.variables[key] = variable
        return lambda row: row[key]

    def free(self, node: Any, types: tuple[str, ...] = (), **fields: Any) -> Term:
        """Return a term for a value that is derived from the row and may be anything."""
        may_be_null = self.is_null_tested and types != (BOOLEAN,)
        variable = Variable(is_of_row=True, types=types, may_be_null=may_be_null, **fields)
        return self._variable(f"derived {without_locations(node).hex()}", variable)

    def _column_ref(self, _: Any, node: Any) -> Term:
        key = self.key_of(node.column_ref)
        if not key:
            return self.same_for_all(node)
        may_be_null = self.is_null_tested and key not in self.required
        return self._variable(key, Variable(is_of_row=True, types=self.types_of(key), may_be_null=may_be_null))

    def _a_const(self, constant: Any, node: Any) -> Term:
        value: Any = None
        if constant.HasField("sval"):
            text = constant.sval.sval
            if text.lower() in ("infinity", "-infinity"):
                return lambda _: Infinity(is_positive=not text.startswith("-"))
            if self.has_open_texts and not text.lstrip("-").replace(".", "", 1).isdigit():
                return self.same_for_all(node)
            value = Literal(text)
        elif constant.HasField("boolval"):
            value = constant.boolval.boolval
        elif constant.HasField("ival"):
            value = constant.ival.ival
        elif constant.HasField("fval"):
            value = self._number(constant.fval.fval)
        elif not constant.isnull:
            return self.same_for_all(node)
        self.constants.append(value)
        return lambda _: value

    @staticmethod
    def _number(text: str) -> Any:
        try:
            return values.to_number(text)
        except values.NotApplicableError as error:  # it has too many digits
            raise UnknownValueError from error

    def _bool_expr(self, expression: Any, _: Any) -> Term:
        parts = [self.read(one) for one in expression.args]
        what = word(expression, "boolop")
        if what == "NOT_EXPR":
            return lambda row: negated(parts[0](row))
        decisive = what == "OR_EXPR"

        def combined(row: Mapping[str, Any]) -> Any:
            found = [values.to_boolean(one(row)) for one in parts]
            return decisive if decisive in found else None if None in found else not decisive

        return combined

    def _null_test(self, test: Any, _: Any) -> Term:
        is_null = word(test, "nulltesttype") == "IS_NULL"
        argument = self.read_for_null_test(test.arg)
        return lambda row: (argument(row) is None) == is_null

    def _boolean_test(self, test: Any, _: Any) -> Term:
        what = word(test, "booltesttype").removeprefix("IS_")
        wanted = {"TRUE": True, "FALSE": False, "UNKNOWN": None}[what.removeprefix("NOT_")]
        is_negated = what.startswith("NOT_")
        argument = self.read_for_null_test(test.arg) if wanted is None else self.read(test.arg)
        return lambda row: (values.to_boolean(argument(row)) is wanted) != is_negated

    def read_for_null_test(self, node: Any) -> Term:
        """Read the operand of IS NULL and the like, whose columns may therefore be NULL; a whole row is not read.

        Raises:
            UnknownValueError: its value depends on the row in a way that is unknown here.
        """
        if kind_of(node) == "column_ref" and strings(node.column_ref.fields)[-1] == "*":
            raise UnknownValueError
        before, self.is_null_tested = self.is_null_tested, True
        try:
            return self.read(node)
        finally:
            self.is_null_tested = before

    def _type_cast(self, cast: Any, node: Any) -> Term:
        name = strings(cast.type_name.names)[-1]
        argument = self.read(cast.arg)
        if cast.type_name.array_bounds or name not in _CASTS:
            is_infinite = kind_of(cast.arg) == "a_const" and cast.arg.a_const.sval.sval.lower().endswith("infinity")
            return argument if is_infinite or self.keys(node) else self.same_for_all(node)
        return lambda row: _CASTS[name](argument(row))

    def _collate_clause(self, clause: Any, _: Any) -> Term:
        return self.read(clause.arg)

    def _row_expr(self, row_expression: Any, _: Any) -> Term:
        return self._many(row_expression.args)

    def _list(self, listed: Any, _: Any) -> Term:
        return self._many(listed.items)

    def _a_array_expr(self, array: Any, _: Any) -> Term:
        return self._many(array.elements)

    def _many(self, nodes: Any) -> Term:
        parts = [self.read(one) for one in nodes]
        return lambda row: tuple(part(row) for part in parts)

    def _coalesce_expr(self, expression: Any, _: Any) -> Term:
        parts = [self.read(one) for one in expression.args]
        return lambda row: next((one for one in (part(row) for part in parts) if one is not None), None)

    def _min_max_expr(self, expression: Any, _: Any) -> Term:
        parts = [self.read(one) for one in expression.args]
        operator = ">=" if word(expression, "op") == "IS_GREATEST" else "<="

        def chosen(row: Mapping[str, Any]) -> Any:
            found = [one for one in (part(row) for part in parts) if one is not None]
            return next((one for one in found if all(values.compare(operator, one, other) for other in found)), None)

        return chosen

    def _case_expr(self, case: Any, _: Any) -> Term:
        if kind_of(case.arg):
            subject = self.read(case.arg)
            tests = [self._equals(subject, self.read(one.case_when.expr)) for one in case.args]
        else:
            tests = [self.read(one.case_when.expr) for one in case.args]
        results = [self.read(one.case_when.result) for one in case.args]
        otherwise = self.read(case.defresult) if kind_of(case.defresult) else lambda _: None

        def decided(row: Mapping[str, Any]) -> Any:
            chosen = (result for test, result in zip(tests, results, strict=True) if values.to_boolean(test(row)))
            return next(chosen, otherwise)(row)

        return decided

    @staticmethod
    def _equals(left: Term, right: Term) -> Term:
        return lambda row: values.compare("=", left(row), right(row))

    def _a_indirection(self, _: Any, node: Any) -> Term:
        return self.free(node) if self.keys(node) else self.same_for_all(node)

    def _current_of_expr(self, _: Any, node: Any) -> Term:
        return self.free(node, (BOOLEAN,))

    def _func_call(self, call: Any, node: Any) -> Term:
        name, count = strings(call.funcname)[-1], len(call.args)
        if values.is_function(name, count):
            arguments = [self.read(one) for one in call.args]
            return lambda row: values.call(name, [one(row) for one in arguments])
        keys = self.keys(node)
        if not keys:
            return self.same_for_all(node)
        is_field = name in ("extract", "date_part") and count > 1
        samples = of_field(call.args[0]) if is_field else SAMPLES.get(name, ())
        if samples or name in ANY_VALUE:
            return self.free(node, samples=samples, source=frozenset(keys))
        if is_field:
            raise UnknownValueError
        if name in builtin.names():
            key = f"derived {without_locations(node).hex()}"
            return self._variable(key, Variable(is_of_row=True, samples=SOMETHING, source=frozenset(keys)))
        raise UnknownValueError

    def _sub_link(self, link: Any, node: Any) -> Term:
        return condition_subquery.read(self, link, node)

    def _a_expr(self, expression: Any, node: Any) -> Term:
        return condition_operator.read(self, expression, node)

    def _another(self) -> TermReader:
        return TermReader(self.key_of, self.types_of, self.required, self.is_true)

    def check(self, *nodes: Any) -> None:
        """Raise UnknownValueError if a part depends on the row in a way that is unknown here."""
        for node in nodes:
            self._another().read(node)

    def constant(self, node: Any) -> str | None:
        """Return the value of an expression without columns if it is a text; None if it is not, or is unknown here."""
        try:
            value = self._another().read(node)({})
        except (UnknownValueError, values.NotApplicableError, KeyError):
            return None
        return values.to_text(value) if isinstance(value, str) else None

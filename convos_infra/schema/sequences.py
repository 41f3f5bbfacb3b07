"""Finds statements that make a sequence return numbers again which rows already use. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from convos_infra.schema.tree import dotted, kind_of, strings

if TYPE_CHECKING:
    from convos_infra.schema.known import Known

SETVAL, OF_COLUMN = "setval", "pg_get_serial_sequence"


def repeats_numbers(options: Iterable[Any]) -> bool:
    """Tell whether a sequence's options make it return numbers again: a restart, a cycle, or a negative increment."""
    for one in (option.def_elem for option in options):
        if one.defname == "restart":
            return True
        if one.defname == "cycle" and one.arg.boolean.boolval:
            return True
        if one.defname == "increment" and (one.arg.integer.ival < 0 or one.arg.float.fval.startswith("-")):
            return True
    return False


def is_of_new_sequence(call: Any, known: Known) -> bool:
    """Tell whether a call of setval is for a sequence that the same file creates, directly or with its table.

    Args:
        call: a `FuncCall`.
        known: the known objects, with those that the file has created.
    """
    if strings(call.funcname)[-1:] != [SETVAL] or not call.args:
        return False
    subject = call.args[0]
    if kind_of(subject) == "type_cast":
        subject = subject.type_cast.arg
    if kind_of(subject) == "func_call" and strings(subject.func_call.funcname)[-1:] == [OF_COLUMN]:
        return bool(subject.func_call.args) and _text(subject.func_call.args[0], known) in known.made
    name = _text(subject, known)
    return name in known.made or any(name.startswith(f"{table}_") and name.endswith("_seq") for table in known.made)


def _text(node: Any, known: Known) -> str:
    """Return the name in a constant; empty for anything else, and for a quoted name."""
    text = str(node.a_const.sval.sval) if kind_of(node) == "a_const" else ""
    return "" if not text or '"' in text else known.name(dotted(text.split(".")).split("."))

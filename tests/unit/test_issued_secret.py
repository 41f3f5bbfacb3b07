"""A secret that was issued once is known for the id that it was issued with, and for no other."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.issued_secret import IssuedSecretProvider

STATE = {"issuedAs": "hash-1", "value": "secret-1"}


def known(value: Any) -> Any:
    return "not known" if isinstance(value, Unknown) or value == UNKNOWN else value


@pytest.mark.parametrize("not_known", [UNKNOWN, Unknown()])
@pytest.mark.parametrize(
    ("olds", "issued_as", "value", "expected", "changes"),
    [
        (STATE, "hash-1", None, "secret-1", False),
        (STATE, "hash-2", None, "not known", True),
        (STATE, None, None, "not known", True),
        (STATE, "hash-1", "secret-2", "secret-2", True),
        (STATE, "hash-1", "secret-1", "secret-1", False),
        (STATE, "", None, "not known", True),
        ({"issuedAs": "", "value": "secret-1"}, "", None, "not known", True),
        ({"issuedAs": "hash-1", "value": ""}, "hash-1", None, "not known", True),
        ({}, "hash-1", None, "not known", True),
    ],
)
def test_what_a_preview_knows(
    not_known: Any, olds: dict[str, str], issued_as: str | None, value: str | None, expected: str, changes: bool
) -> None:
    asked = IssuedSecretProvider()
    news = {name: not_known if given is None else given for name, given in (("issuedAs", issued_as), ("value", value))}
    checked = asked.check(dict(olds), news)
    assert not checked.failures
    inputs = checked.inputs
    assert known(inputs["value"]) == expected
    assert asked.diff("issued", dict(olds), inputs).changes is changes

"""How one secret variable of a service is stored, and what of it may be adopted."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.railway.stored_secret import Finding, StoredSecret, stored_secret

ROWS: dict[str, tuple[Any, Finding]] = {
    "plain": ({"value": "abc-DEF_1.2~3"}, Finding.READABLE),
    "one character": ({"value": "x"}, Finding.READABLE),
    "sealed": ({"value": None, "isSealed": True}, Finding.SEALED),
    "sealed, its value shown all the same": ({"value": "abc", "isSealed": True}, Finding.SEALED),
    "masked": ({"value": None}, Finding.SEALED),
    "empty": ({"value": ""}, Finding.ABSENT),
    "a reference": ({"value": "${{shared.PASSWORD}}"}, Finding.REFERENCE),
    "a reference in the middle": ({"value": "a${{ other.X }}b"}, Finding.REFERENCE),
    "a generator of a template": ({"value": "${{secret(32)}}"}, Finding.REFERENCE),
    "a reference across lines": ({"value": "${{shared.\nX}}"}, Finding.REFERENCE),
    "two at signs": ({"value": "p@ss@word"}, Finding.NOT_FOR_URLS),
    "a trailing line break": ({"value": "password\n"}, Finding.NOT_FOR_URLS),
    "only white space": ({"value": "  "}, Finding.NOT_FOR_URLS),
    "not ASCII": ({"value": "pässword"}, Finding.NOT_FOR_URLS),
    "percent-encoded": ({"value": "a%40b"}, Finding.NOT_FOR_URLS),
    "a dollar sign alone": ({"value": "a$b"}, Finding.NOT_FOR_URLS),
    "not an entry": ("abc", Finding.ABSENT),
}


@pytest.mark.parametrize(("entry", "finding"), ROWS.values(), ids=ROWS)
def test_only_a_value_that_can_be_read_and_used_is_adopted(entry: Any, finding: Finding) -> None:
    found = stored_secret({"variables": {"PASSWORD": entry}}, "PASSWORD", url_part=True)
    assert found.finding is finding
    assert found.value == (entry["value"] if finding is Finding.READABLE else "")


def test_what_is_no_part_of_a_url_may_have_any_character() -> None:
    found = stored_secret({"variables": {"KEY": {"value": "p@ss word/ä"}}}, "KEY", url_part=False)
    assert found == StoredSecret(Finding.READABLE, "p@ss word/ä")


@pytest.mark.parametrize(
    "service", [None, {}, {"variables": None}, {"variables": {}}, {"variables": {"password": {"value": "x"}}}]
)
def test_a_service_without_the_variable_has_nothing_to_adopt(service: Any) -> None:
    assert stored_secret(service, "PASSWORD", url_part=True) == StoredSecret(Finding.ABSENT)


def test_a_stored_secret_shows_its_value_in_no_representation() -> None:
    assert "hunter2" not in repr(StoredSecret(Finding.READABLE, "hunter2"))

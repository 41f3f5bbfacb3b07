"""How one secret variable of a service is stored, and what of it may be adopted."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.railway.stored_secret import SecretState, StoredSecret, stored_secret

ROWS: dict[str, tuple[Any, SecretState]] = {
    "plain": ({"value": "abc-DEF_1.2~3"}, SecretState.READABLE),
    "one character": ({"value": "x"}, SecretState.READABLE),
    "sealed": ({"value": None, "isSealed": True}, SecretState.SEALED),
    "sealed, its value shown all the same": ({"value": "abc", "isSealed": True}, SecretState.SEALED),
    "masked": ({"value": None}, SecretState.SEALED),
    "empty": ({"value": ""}, SecretState.ABSENT),
    "a reference": ({"value": "${{shared.PASSWORD}}"}, SecretState.REFERENCE),
    "a reference in the middle": ({"value": "a${{ other.X }}b"}, SecretState.REFERENCE),
    "a generator of a template": ({"value": "${{secret(32)}}"}, SecretState.REFERENCE),
    "a reference across lines": ({"value": "${{shared.\nX}}"}, SecretState.REFERENCE),
    "two at signs": ({"value": "p@ss@word"}, SecretState.NOT_FOR_URLS),
    "a trailing line break": ({"value": "password\n"}, SecretState.NOT_FOR_URLS),
    "only white space": ({"value": "  "}, SecretState.NOT_FOR_URLS),
    "not ASCII": ({"value": "pässword"}, SecretState.NOT_FOR_URLS),
    "percent-encoded": ({"value": "a%40b"}, SecretState.NOT_FOR_URLS),
    "a dollar sign alone": ({"value": "a$b"}, SecretState.NOT_FOR_URLS),
    "not an entry": ("abc", SecretState.ABSENT),
}


@pytest.mark.parametrize(("entry", "finding"), ROWS.values(), ids=ROWS)
def test_only_a_value_that_can_be_read_and_used_is_adopted(entry: Any, finding: SecretState) -> None:
    found = stored_secret({"variables": {"PASSWORD": entry}}, "PASSWORD", url_part=True)
    assert found.finding is finding
    assert found.value == (entry["value"] if finding is SecretState.READABLE else "")


def test_what_is_no_part_of_a_url_may_have_any_character() -> None:
    found = stored_secret({"variables": {"KEY": {"value": "p@ss word/ä"}}}, "KEY", url_part=False)
    assert found == StoredSecret(SecretState.READABLE, "p@ss word/ä")


@pytest.mark.parametrize(
    "service", [None, {}, {"variables": None}, {"variables": {}}, {"variables": {"password": {"value": "x"}}}]
)
def test_a_service_without_the_variable_has_nothing_to_adopt(service: Any) -> None:
    assert stored_secret(service, "PASSWORD", url_part=True) == StoredSecret(SecretState.ABSENT)


def test_a_stored_secret_shows_its_value_in_no_representation() -> None:
    assert "hunter2" not in repr(StoredSecret(SecretState.READABLE, "hunter2"))

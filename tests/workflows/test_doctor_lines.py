"""What `make doctor` makes of an answer, of a failure, and of what cannot be asked."""

from __future__ import annotations

import pytest

from convos_infra.errors import InfraError
from ops.doctor.check import Check, Diagnosis, asked, lines


def _fails() -> str:
    raise InfraError("registry", "refuses\n::error::postgres://u:s3cret@h/x \x1b[31m", "log in")


def test_a_failure_is_an_answer_in_one_line_without_a_password() -> None:
    found = asked("registry", _fails)
    assert (found.subject, found.diagnosis) == ("registry", Diagnosis.WRONG)
    (line,) = lines([found])
    assert line.startswith("  registry  wrong  registry: refuses ::error::postgres://u:[secret]@h/x")
    assert line.endswith("; log in")
    assert "\x1b" not in line


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    found = [asked("a", lambda: "fine"), Check("a longer subject", Diagnosis.UNASKED, "because")]
    assert lines(found) == ["  a                 ok         fine", "  a longer subject  not asked  because"]
    assert found[0].document() == {"subject": "a", "diagnosis": "ok", "text": "fine"}


def test_what_is_no_failure_of_ours_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        asked("a", lambda: str(1 // 0))

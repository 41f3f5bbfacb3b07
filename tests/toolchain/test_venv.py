"""A checkout in which Python makes no virtual environment says so at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ops.toolchain import venv
from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

    from ops.toolchain.console import Step
    from ops.toolchain.store import Store


@pytest.mark.parametrize("name", ["a:b", "a\nb", "a\x1bb", "a\u2028b"])
def test_a_path_that_no_entry_of_path_may_have_is_refused_in_one_line(
    tmp_path: Path, store: Store, step: Step, name: str
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.touch()
    with pytest.raises(ToolError, match="^checkout: its path contains ") as caught:
        venv.ensure(tmp_path / name / ".venv", requirements, store, step)
    assert str(caught.value).isprintable()
    assert not (tmp_path / name).exists()

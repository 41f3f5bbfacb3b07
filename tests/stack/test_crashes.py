"""Seeded crashes of the local stack: one `make local` brings each back with its data. See `make crashes`."""

from __future__ import annotations

import pytest

from ops.local.layout import Layout
from tests.local.crashes import KINDS, crash, cut_a_file_of_what_runs, kill_everything
from tests.stack.fix_stack import LocalStack


@pytest.mark.parametrize("number", [KINDS.index(kill_everything), KINDS.index(cut_a_file_of_what_runs)])
def test_one_make_local_brings_a_crashed_stack_back(stack: LocalStack, number: int) -> None:
    done, wrong = crash(Layout(stack.checkout, stack.checkout / ".local"), number)
    assert wrong == "", done

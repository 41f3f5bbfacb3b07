"""Fails a test that leaves registrations behind: it made its assertions before its program had run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.program.fix_program import left_behind, loop


@pytest.fixture(autouse=True)
def _every_registration_has_ended() -> Iterator[None]:
    loop()  # A test may create outputs outside its program, and a test of another folder may have left no loop.
    yield
    assert left_behind() == 0, "declare resources by `declared`, which waits until all are registered"

"""A test that leaves registrations behind has asserted before its program had run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.program.fix_program import left_behind, loop


@pytest.fixture(autouse=True)
def _every_registration_has_ended() -> Iterator[None]:
    loop()  # A test may make an output outside its program, and the test before it, of another folder, leave no loop.
    yield
    assert left_behind() == 0, "declare resources by `declared`, which waits until all are registered"

"""One local stack for the tests of this folder; each leaves its config as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack.fix_stack import LocalStack, local_stack


@pytest.fixture(scope="session")
def brought_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with local_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def stack(brought_up: LocalStack) -> Iterator[LocalStack]:
    """The stack; a test's changes of its config are undone, and applied where they were applied."""
    config = brought_up.checkout / "Pulumi.local.yaml"
    before, state = config.read_text(), brought_up.state()
    yield brought_up
    changed = brought_up.state() != state
    config.write_text(before)
    if changed:
        done = brought_up.up()
        assert done.code == 0, done.text

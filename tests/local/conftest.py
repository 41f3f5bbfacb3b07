"""What the local stack's tests share: a stack in a temporary folder, and a promise that nothing of it stays."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local import process
from ops.local.layout import Layout
from ops.local.services import Services
from ops.local.starter import Starter
from ops.toolchain.console import Step

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """A second local stack, in a folder with a space; what it leaves running is stopped."""
    found = Layout(CHECKOUT, tmp_path / "a b" / ".local")
    found.root.mkdir(parents=True)
    yield found
    process.stop(*process.marked(process.mark_of(found.root)), seconds=5.0)


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def step(out: io.StringIO) -> Iterator[Step]:
    current = Step("test", out)
    yield current
    current.finish()


@pytest.fixture
def starter(layout: Layout, step: Step) -> Starter:
    return Starter(layout, Services(), step)

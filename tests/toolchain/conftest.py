"""What the toolchain's tests share: a cache in a temporary folder, a step that writes to a buffer, fake programs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import pytest

from ops.toolchain.console import Step
from ops.toolchain.machine import Machine
from ops.toolchain.store import Store
from ops.toolchain.tools import Workshop

if TYPE_CHECKING:
    from pathlib import Path


class FakeProgram(Protocol):
    """Puts a shell script on PATH, which notes each of its calls."""

    def __call__(self, name: str, body: str = "exit 0") -> Path: ...


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def step(out: io.StringIO) -> Iterator[Step]:
    current = Step("test", out)
    yield current
    current.finish()


@pytest.fixture
def shop(store: Store, step: Step) -> Workshop:
    return Workshop(Machine("Linux", "x64", root=False, debian=False, go=None), store, step)


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProgram:
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name: str, body: str = "exit 0") -> Path:
        file = folder / name
        file.write_text(f"#!/bin/sh\necho \"{name} $*\" >> '{tmp_path / 'calls'}'\n{body}\n")
        file.chmod(0o755)
        return file

    return add


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], list[str]]:
    """The calls of fake programs so far, one line each."""
    file = tmp_path / "calls"
    return lambda: file.read_text().splitlines() if file.exists() else []

"""Stand-ins for base images: another base is another path, and no script of ours misses a program in it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from ops.toolchain import base_images

if TYPE_CHECKING:
    from pathlib import Path


def test_a_base_that_changed_is_at_another_path_and_one_that_did_not_at_the_same(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node.json").write_text("node 20")
    first = base_images.named_by_content(tmp_path)
    assert first == base_images.named_by_content(tmp_path)
    assert (first / "node").is_dir()
    (tmp_path / "node.json").write_text("node 22")
    second = base_images.named_by_content(tmp_path)
    assert second != first
    assert (second / "node").is_dir()
    assert (first / "node").is_dir(), "a stack of another checkout that shares the cache may name it"
    os.utime(first, (0, 0), follow_symlinks=False)
    assert base_images.named_by_content(tmp_path) == second
    assert not first.is_symlink()


def test_without_busybox_a_stand_in_has_what_our_scripts_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "busybox" else found(name))
    if found("node") is None:
        pytest.skip("no node on this machine to make a stand-in of")
    base_images.make(tmp_path, ["node"])
    has = {file.name for file in (tmp_path / "node" / "bin").iterdir()}
    assert {"sh", "dirname", "cat", "grep", "sed", "cut", "head", "tr", "od", "sleep", "kill", "ps", "expr"} <= has

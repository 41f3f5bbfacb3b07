"""Stand-ins for base images: another base is another path, and no script of ours misses a program in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ops.toolchain import base_images
from tests import needs


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
        needs.NODE.skip()
    base_images.make(tmp_path, ["node"])
    has = {file.name for file in (tmp_path / "node" / "bin").iterdir()}
    assert {"sh", "dirname", "cat", "grep", "sed", "cut", "head", "tr", "od", "sleep", "kill", "ps", "expr"} <= has


def test_a_stand_in_is_the_same_for_every_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """umask 077 would keep the files from an image's own user, and make another digest of the same base."""

    def part(tree: base_images._Tree) -> str:
        tree.write("/etc/passwd", "root:x:0:0::/:/bin/sh\n")
        tree.add(Path("/bin/sh"), "/bin/sh")
        (tree.root / "tmp").mkdir()
        (tree.root / "tmp").chmod(0o1777)
        return "test"

    monkeypatch.setitem(base_images.MAKERS, "node", part)
    found = []
    for umask in (0o022, 0o077, 0o027, 0o002):
        before = os.umask(umask)
        try:
            base_images.make(tmp_path / f"{umask:o}", ["node"])
        finally:
            os.umask(before)
        root = tmp_path / f"{umask:o}" / "node"
        found.append({str(one.relative_to(root)): f"{one.stat().st_mode & 0o7777:o}" for one in root.rglob("*")})
    assert found[0] == {"etc": "755", "etc/passwd": "644", "bin": "755", "bin/sh": "755", "tmp": "1777"}
    assert found == [found[0]] * 4

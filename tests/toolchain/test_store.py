"""The cache holds finished tools only."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ops.toolchain.store import Store, default_store, read_json, write_atomically


def built(store: Store, text: str = "v1") -> Path:
    with store.workspace() as work:
        file = work / "tool"
        file.write_text(text)
        store.install("tool", "digest-1", [file])
    return store.bin / "tool"


def test_a_tool_is_current_only_for_the_digest_it_was_built_from(store: Store) -> None:
    built(store)
    assert store.is_current("tool", "digest-1")
    assert not store.is_current("tool", "digest-2")


def test_a_tool_that_was_never_finished_is_not_in_the_cache(store: Store) -> None:
    def half() -> None:
        with store.workspace() as work:
            (work / "tool").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert not store.is_current("tool", "digest-1")
    assert not (store.bin / "tool").exists()
    assert list(store.root.glob("tmp-*")) == []


@pytest.mark.parametrize("damage", ["gone", "truncated", "stamp"])
def test_a_tool_that_was_damaged_is_built_again(store: Store, damage: str) -> None:
    tool = built(store)
    if damage == "gone":
        tool.unlink()
    elif damage == "truncated":
        tool.write_text("")
    else:
        (store.root / "stamps" / "tool.json").write_text('{"digest": "dig')
    assert not store.is_current("tool", "digest-1")


def test_one_of_two_at_once_waits_and_says_so(store: Store) -> None:
    code = f"""
        from pathlib import Path
        from ops.toolchain.store import Store
        with Store(Path({str(store.root)!r})).locked(lambda: print("waiting", flush=True)):
            print("in", flush=True)
    """
    waited: list[bool] = []
    with store.locked(lambda: waited.append(True)):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
    assert child.communicate(timeout=20)[0] == "in\n"
    assert waited == []


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    write_atomically(file, "x", 0o600)
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "\x00", '{"a": '])
def test_a_half_written_note_counts_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "note.json"
    file.write_text(text)
    assert read_json(file) is None


def test_the_cache_can_be_put_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVOS_INFRA_CACHE", str(tmp_path / "shared"))
    assert default_store().bin == (tmp_path / "shared" / "bin").resolve()

"""A stack's file is written whole or not at all, wherever the process that writes it is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ops.adopt import file
from ops.adopt.config import Described

STACK = "taken"
FOUND = Described({"poolMinIdle": "3"}, {"poolApiKey": "a", "keys.BANKR_API_KEY": "b"}, ())
OLD = "encryptionsalt: v1:of-this-stack\nconfig:\n  convos-infra:poolApiKey:\n    secure: the-only-copy\n"
PULUMI = """#!/bin/sh
# Does what the CLI does to the file that it is given, and no more.
case "$*" in
"stack ls"*) echo '[{"name": "taken"}]' ;;
"config set"*)
    while [ $# -gt 0 ]; do
        case $1 in --path) path=$2 ;; --config-file) file=$2 ;; esac
        shift
    done
    cat >/dev/null
    echo "  convos-infra:$path: {secure: x}" >>"$file" ;;
esac
"""
WRITES = ("os.mkdir", "os.rename", "os.remove", "subprocess.Popen")
LAST = 60


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pulumi").write_text(PULUMI)
    (programs / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    return checkout


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Do some work in a process that is killed before the so-manieth call that writes; says whether it was."""
    child = os.fork()
    if child == 0:
        left = [number]

        def hook(event: str, given: tuple[object, ...]) -> None:
            is_written = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
            if is_written or event in WRITES:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("before", [OLD, ""], ids=["over a file", "without one"])
def test_a_file_is_as_it_was_or_whole_wherever_its_writer_is_killed(folder: Path, before: str) -> None:
    target, backups = file.path_of(folder, STACK), folder / ".adopted" / "backups"
    whole: list[bool] = []
    for number in range(1, LAST):
        target.unlink(missing_ok=True)
        if before:
            target.write_text(before)
        was_killed = killed_at(number, lambda: file.write(folder, STACK, FOUND, backups))
        text = target.read_text() if target.exists() else ""
        whole.append(text != before)
        if text != before:
            config = yaml.safe_load(text)["config"]
            assert set(config) == {
                *("convos-infra:poolMinIdle", "convos-infra:poolApiKey", "convos-infra:keys.BANKR_API_KEY")
            }
            assert not before or "v1:of-this-stack" in text
            assert not before or any(one.read_text() == OLD for one in backups.glob("Pulumi.taken.yaml.*"))
        if not was_killed:
            break
    assert not was_killed
    assert len(whole) > 4
    assert whole == sorted(whole), "once it is whole it stays so"
    assert whole[-1]
    assert not before or all(one.stat().st_mode & 0o077 == 0 for one in backups.iterdir())
    assert not list(folder.glob("Pulumi.*.yaml.*"))

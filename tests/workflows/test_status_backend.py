"""Which backend is asked, by whose word; and the locks that an update takes there and leaves where it was killed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ops.status import backend
from ops.status.backend import Backend
from ops.status.live_stack import missing

STACK = "dev"


def checkout(folder: Path, text: str = "name: convos-infra\n", local: str = "") -> Path:
    (folder / "Pulumi.yaml").write_text(text)
    if local:
        (folder / ".local").mkdir()
        (folder / ".local" / "env").write_text(f"export PULUMI_BACKEND_URL='{local}'\n")
    return folder


def test_a_stack_that_is_not_there_is_one_line_that_names_the_backend_and_who_named_it(tmp_path: Path) -> None:
    url = "file:///x/state?metadata=skip"
    place = backend.named({"PULUMI_BACKEND_URL": url}, checkout(tmp_path, local=url))
    assert place is not None
    assert str(missing("qa", place)) == (
        "qa: no state of qa in file:///x/state (from .local/env); is PULUMI_BACKEND_URL right? "
        "If it is, the stack was never made: pulumi up --stack qa"
    )


def test_the_backend_is_of_the_shell_or_of_the_project_or_else_pulumi_has_to_be_asked(tmp_path: Path) -> None:
    folder = checkout(tmp_path, "name: convos-infra\nbackend:\n  url: s3://states\n", local="file:///x")
    given = backend.named({"PULUMI_BACKEND_URL": "file:///y"}, folder)
    assert given is not None
    assert given.origin == "PULUMI_BACKEND_URL"
    assert backend.named({}, folder) == Backend("s3://states", "Pulumi.yaml")
    (folder / "Pulumi.yaml").write_text("name: convos-infra\n")
    assert backend.named({}, folder) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://pulumi:S3CRET@db.example/states", "postgres://pulumi:[secret]@db.example/states"),
        ("s3://states?region=eu&awssdk=v2&secret=S3CRET", "s3://states"),
        ("https://api.pulumi.com", "https://api.pulumi.com"),
    ],
)
def test_a_backends_password_is_never_shown(url: str, shown: str) -> None:
    assert Backend(url, "pulumi login").shown == shown
    assert "S3CRET" not in str(missing("qa", Backend(url, "pulumi login")))


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///a%20b/state?no_tmp_dir=true", Path("/a b/state")),
        ("file://~", Path.home()),
        ("file://./states", Path("/checkout/states")),
        ("s3://states", None),
        ("https://api.pulumi.com", None),
    ],
)
def test_the_folder_of_a_file_backend(url: str, folder: Path | None) -> None:
    assert Backend(url, "").folder(Path("/checkout")) == folder


def lock(folder: Path, text: str, *, project: str = "convos-infra", stack: str = STACK) -> None:
    place = folder / ".pulumi" / "locks" / "organization" / project / stack
    place.mkdir(parents=True, exist_ok=True)
    (place / "1.json").write_text(text)


def content(process: int, host: str = "") -> str:
    host = host or socket.gethostname()
    return json.dumps({"pid": process, "username": "ada", "hostname": host, "timestamp": "2026-01-01T00:00:00Z"})


def ended() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.parametrize(
    ("text", "alive"),
    [
        (content(os.getpid()), True),
        (content(ended()), False),
        (content(os.getpid(), "another-machine"), None),
        (content(0), None),
        (content(-1), None),
        ("", None),
        ("[]", None),
        ("{", None),
        ('{"pid": "x"}', None),
    ],
    ids=["living", "ended", "elsewhere", "pid-0", "negative", "empty", "list", "cut", "text"],
)
def test_a_lock_is_seen_whatever_is_in_it_and_told_whether_its_process_lives(
    tmp_path: Path, text: str, alive: bool | None
) -> None:
    place = Backend(f"file://{tmp_path}", "PULUMI_BACKEND_URL")
    assert backend.locks(place, STACK, tmp_path) == []
    lock(tmp_path, text)
    (found,) = backend.locks(place, STACK, tmp_path)
    assert found.is_alive is alive


def test_the_lock_of_another_stack_is_no_lock_of_this_one(tmp_path: Path) -> None:
    lock(tmp_path, content(1), stack="production")
    lock(tmp_path, content(1), project="another-project")
    place = Backend(f"file://{tmp_path}", "PULUMI_BACKEND_URL")
    assert backend.locks(place, STACK, tmp_path) == []
    assert backend.locks(Backend("s3://states", ""), STACK, tmp_path) == []
    assert not Backend("s3://states", "").shows_locks
    assert place.shows_locks

"""A built image in previews and updates: its digest is unknown until it was built."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DIGEST = "sha256:" + "a" * 64


def declared(*words: str) -> dict[str, Any]:
    """Return the inputs of the `Image`; the words are the arguments of built_image.py."""
    command = [sys.executable, "-m", "tests.program.built_image", *words]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("digest", [[""], []], ids=["empty, as of an update", "absent, as of a first build"])
def test_the_digest_of_a_build_is_unknown_in_every_preview(digest: list[str]) -> None:
    inputs = declared("preview", *digest)
    assert (inputs["digest"], inputs["pinned"]) == (None, None)
    assert inputs["tag"] == "main"


@pytest.mark.parametrize("operation", ["preview", "update"])
def test_a_known_digest_is_recorded(operation: str) -> None:
    inputs = declared(operation, DIGEST)
    assert (inputs["digest"], inputs["pinned"]) == (DIGEST, f"ghcr.io/example/web:main@{DIGEST}")


def test_an_empty_digest_after_a_build_reaches_the_image_which_refuses_it() -> None:
    assert declared("update", "")["digest"] == ""

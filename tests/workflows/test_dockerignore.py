"""Bug 6 of the mission: a `.dockerignore` that leaves out what a Dockerfile copies. Every COPY of every Dockerfile."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CONTEXTS = {
    "runtime/Dockerfile": ".",
    "pool/Dockerfile": "pool",
    "tests/contract/today/Dockerfile": "tests/contract/today",
}
"""Dockerfile -> the context it is built with."""


def ignored(patterns: list[str], path: str) -> bool:
    """Say whether Docker would leave a file out: the last pattern that matches it, or a folder above it, decides."""
    result = False
    parts = path.split("/")
    prefixes = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    for pattern in patterns:
        negated, glob = pattern.startswith("!"), pattern.lstrip("!").strip("/")
        if any(matches(glob, prefix) for prefix in prefixes):
            result = not negated
    return result


def matches(glob: str, path: str) -> bool:
    if glob.startswith("**/"):
        return matches(glob[3:], path.rsplit("/", 1)[-1]) or matches(glob[3:], path)
    wanted, given = glob.split("/"), path.split("/")
    return len(wanted) == len(given) and all(map(fnmatch.fnmatchcase, given, wanted))


def patterns(context: Path) -> list[str]:
    file = context / ".dockerignore"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def copied(dockerfile: Path) -> list[str]:
    """Return the sources of every COPY and ADD that come from the build context."""
    text = dockerfile.read_text().replace("\\\n", " ")
    found: list[str] = []
    for line in re.findall(r"^\s*(?:COPY|ADD)\s+(.+)$", text, re.MULTILINE | re.IGNORECASE):
        flags = re.findall(r"--\S+", line)
        if not any(flag.startswith("--from=") for flag in flags):
            found += [word for word in line.split() if not word.startswith("--")][:-1]
    return found


def tracked(context: Path) -> list[str]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."]
    done = subprocess.run(listed, cwd=context, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if "__pycache__" not in name]


def test_every_dockerfile_of_the_repository_is_checked_here() -> None:
    found = {name for name in tracked(CHECKOUT) if name.rsplit("/", 1)[-1].startswith("Dockerfile")}
    assert found == set(CONTEXTS)


@pytest.mark.parametrize("dockerfile", CONTEXTS)
def test_everything_that_is_copied_is_in_the_context(dockerfile: str) -> None:
    context = CHECKOUT / CONTEXTS[dockerfile]
    sources = copied(CHECKOUT / dockerfile)
    assert sources
    for source in sources:
        name = source.strip("./").rstrip("/")
        files = [file for file in tracked(context) if file == name or file.startswith(f"{name}/")]
        assert files, f"{dockerfile}: {source} is not there"
        left_out = [file for file in files if ignored(patterns(context), file)]
        assert not left_out, f"{dockerfile}: .dockerignore leaves out {left_out}"


def test_the_pool_is_built_from_its_own_folder_alone() -> None:
    assert not any(source.startswith(("pool/", "..", "/")) for source in copied(CHECKOUT / "pool" / "Dockerfile"))


@pytest.mark.parametrize(
    "name", [".git/config", ".venv/bin/python", ".env", "runtime/.env", "runtime/node_modules/a/index.js", "pool/x.py"]
)
def test_what_must_not_be_sent_is_not(name: str) -> None:
    assert ignored(patterns(CHECKOUT), name)


def test_this_reading_of_patterns_finds_the_missions_bug() -> None:
    assert ignored([".git", "pool/"], "pool/src/index.js")
    assert not ignored(["*", "!runtime"], "runtime/scripts/a.js")
    assert ignored(["*", "!runtime", "**/.env"], "runtime/.env")

"""Pushes one image under all its tags, by the distribution API; or notes it as loaded into the daemon."""

from __future__ import annotations

import os
from pathlib import Path

from tests.registry.pushing import Repository


def main() -> None:
    tags = os.environ["TAGS"].split(",")
    labels = dict(line.split("=", 1) for line in os.environ["LABELS"].splitlines() if line)
    notes = Path(os.environ["STANDIN_NOTES"])
    if os.environ.get("STANDIN_BREAK") == "build":
        raise SystemExit("the build is broken, as the test wants it")
    digest = ""
    if os.environ["PUSH"] == "true":
        for reference in tags:
            location, _, tag = reference.rpartition(":")
            host, _, name = location.partition("/")
            digest = Repository(host, name).image(tag, platform=os.environ["PLATFORM"], labels=labels).digest
        print(f"digest={digest}")
    if os.environ["LOAD"] == "true":
        (notes.parent / "loaded").write_text("\n".join(tags))
    with notes.open("a") as file:
        file.write(f"{os.environ['GITHUB_JOB']} build push={os.environ['PUSH']} tags={','.join(tags)} {digest}\n")


main()

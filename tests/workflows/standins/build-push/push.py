"""Pushes one image under all its tags, by the distribution API; or notes it as loaded into the daemon.

With STANDIN_BUILD=real it is built by ops/image/build.sh, with BuildKit, as on a laptop.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.registry.pushing import Repository


def main() -> None:
    tags = os.environ["TAGS"].split(",")
    labels = dict(line.split("=", 1) for line in os.environ["LABELS"].splitlines() if line)
    notes = Path(os.environ["STANDIN_NOTES"])
    if os.environ.get("STANDIN_BREAK") == "build":
        raise SystemExit("the build is broken, as the test wants it")
    digest = ""
    if os.environ["PUSH"] == "true" and os.environ.get("STANDIN_BUILD") == "real":
        arguments = dict(line.split("=", 1) for line in os.environ["BUILD_ARGS"].splitlines() if line)
        command = ["sh", "ops/image/build.sh", "--push", str(Path(os.environ["DOCKERFILE"]).parent), *tags]
        done = subprocess.run(command, env={**os.environ, **arguments}, stdout=subprocess.PIPE, text=True, check=True)
        digest = done.stdout.splitlines()[-1]
        print(f"digest={digest}")
    elif os.environ["PUSH"] == "true":
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

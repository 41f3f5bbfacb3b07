"""Declares a built image with Pulumi's mocks and prints the inputs of its `Image` as JSON, with null for unknown ones.

It runs in a process of its own, because Pulumi's runtime keeps its settings and its event loop for as long as a process
lives. Arguments: `preview` or `update`, and the digest that docker-build returns, if it returns one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from pulumi.output import Unknown
from pulumi.runtime import mocks
from pulumi.runtime.stack import wait_for_rpcs

from components.runtime_image import Build, ImageSource, RuntimeImage

BUILD = Build(
    repository="ghcr.io/example/web",
    tags=["main"],
    context=".",
    dockerfile="Dockerfile",
    named_contexts={},
    build_args={},
    builder="",
    revision="1" * 40,
    created="",
    registry_login=("ghcr.io", "user", "rotated"),
)


class Plugins(mocks.Mocks):
    """Mocks in which docker-build returns `digest`; `inputs` has every resource's inputs by its type."""

    def __init__(self, digest: str | None) -> None:
        self.digest = digest
        self.inputs: dict[str, dict[str, Any]] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.inputs[args.typ] = dict(args.inputs)
        if args.typ.startswith("docker-build:"):
            return "built", {} if self.digest is None else {"digest": self.digest}
        return "recorded", dict(args.inputs)

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        return {}


async def declare(plugins: Plugins, *, preview: bool) -> dict[str, Any]:
    """Declare the image and return the inputs of the `Image` that records it."""
    mocks.set_mocks(plugins, preview=preview)
    RuntimeImage("runtime", ImageSource(build=BUILD))
    await wait_for_rpcs()
    (recorded,) = (found for kind, found in plugins.inputs.items() if kind.endswith("dynamic/registry:Image"))
    return recorded


if __name__ == "__main__":
    found = asyncio.run(declare(Plugins(*sys.argv[2:] or [None]), preview=sys.argv[1] == "preview"))
    print(json.dumps({key: None if isinstance(value, Unknown) else value for key, value in found.items()}))

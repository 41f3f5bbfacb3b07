"""The floor of the suite `railway`: as many resources of a provider that does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class TrivialProvider(ResourceProvider):
    """Says that it is done."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Return the inputs."""
        return CreateResult(str(props["name"]), props)


class Trivial(Resource):
    """A resource that is nothing."""

    def __init__(self, name: str) -> None:
        variables = {f"V{number}": "x" for number in range(10)}
        super().__init__(TrivialProvider(), name, {"name": name, "variables": variables})


def main() -> None:
    """Declare as many as the file `count` says."""
    for number in range(int(Path("count").read_text())):
        Trivial(f"t{number}")

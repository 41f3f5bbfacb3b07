"""The floor of the suite `railway`: as many resources of a provider that does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class TrivialProvider(ResourceProvider):
    """Says that it is done."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Return the inputs."""
        return CreateResult(str(props["name"]), props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Compare the inputs."""
        return DiffResult(changes=_olds["image"] != _news["image"])

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Return the new inputs."""
        return UpdateResult(_news)


class Trivial(Resource):
    """A resource that is nothing."""

    def __init__(self, name: str, image: str) -> None:
        variables = {f"V{number}": "x" for number in range(10)}
        super().__init__(TrivialProvider(), name, {"name": name, "image": image, "variables": variables})


def main() -> None:
    """Declare as many as the file `count` says, half of them with the image of the file `image`."""
    image = Path("image").read_text()
    for number in range(int(Path("count").read_text())):
        Trivial(f"t{number}", image if number % 2 else "")

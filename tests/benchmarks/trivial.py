"""A program of resources whose provider does nothing: the floor of the suite `railway`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class TrivialProvider(ResourceProvider):
    """Does nothing."""

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
    """A resource with ten variables, which exists only in the state."""

    def __init__(self, name: str, image: str) -> None:
        variables = {f"V{number}": "x" for number in range(10)}
        super().__init__(TrivialProvider(), name, {"name": name, "image": image, "variables": variables})


def main() -> None:
    """Declare as many resources as the file `count` says, every second one with the image in the file `image`."""
    image = Path("image").read_text()
    for number in range(int(Path("count").read_text())):
        Trivial(f"t{number}", image if number % 2 else "")

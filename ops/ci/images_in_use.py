"""The images in use: those of the stacks' configs and outputs, and those of every service on Railway."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway.listing import list_projects
from convos_infra.registry.errors import RegistryError
from convos_infra.registry.reference import ImageReference, parse, parse_version
from ops import pulumi_cli, stacks
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import railway_view

if TYPE_CHECKING:
    from railway_api.client import Client


@dataclass(frozen=True)
class ImagesInUse:
    """The images in use at one time.

    Attributes:
        references: the images, each once.
        projects: the ids of the stacks' projects on Railway.
        known: the ids of all projects that there were, those of agents included.
    """

    references: tuple[ImageReference, ...]
    projects: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()

    def now(self) -> tuple[ImageReference, ...]:
        """Return the images in use now, and those of before.

        The projects of the stacks are read again, and those that are new. An agent that has a project of its own gets
        the image that its pool manager names, and that one is in a stack's project.

        Raises:
            InfraError: Railway could not be read.
        """
        railway = railway_view.client()
        projects = self.projects | (_living(railway) - self.known)
        return _each_once([*self.references, *_on_railway(railway, projects)])


def from_config(values: Mapping[str, Any], stack: str) -> list[ImageReference]:
    """Return the images in a stack's config: the tag that it follows, its pin, and the pool manager's image."""
    followed = stacks.followed(values, stack)
    pin = stacks.pinned(values)
    pool = str(values.get("poolImage") or "")
    found = [followed, *([parse_version(followed.location, pin, "imageTag")] if pin else [])]
    return [*found, *([parse(pool, "poolImage")] if pool else [])]


def from_outputs(outputs: Mapping[str, Any]) -> list[str]:
    """Return the images that a stack deployed, from its outputs."""
    found = [(outputs.get("image") or {}).get("reference")]
    found += [(outputs.get(name) or {}).get("image") for name in ("canary", "poolManager")]
    return [str(reference) for reference in found if reference]


def check_all_there(configured: Iterable[str], listed: Iterable[str], without: Iterable[str]) -> None:
    """Refuse a keep-list that lacks a stack, because the backend may be the wrong one.

    Raises:
        InfraError: a stack has a config file, but the backend does not list it.
    """
    missing = sorted(set(configured) - set(listed) - set(without))
    if missing:
        problem = f"this backend does not have the stacks {', '.join(missing)}"
        raise InfraError("retention", problem, f"if they were never deployed, pass --without {' '.join(missing)}")


def images_in_use(without: Sequence[str]) -> ImagesInUse:
    """Return every image that is in use.

    Args:
        without: the stacks that were never deployed.

    Raises:
        InfraError: a stack or Railway could not be read.
    """
    configured = [stack for stack in stacks.configured(CHECKOUT) if stack not in without]
    listed = [str(row["name"]) for row in pulumi_cli.stacks() if row["name"] != stacks.LOCAL]
    check_all_there(configured, listed, without)
    kept: list[ImageReference] = []
    projects: set[str] = set()
    for stack in configured:
        kept += from_config(stacks.config(CHECKOUT, stack), stack)
    for stack in listed:
        outputs = Pulumi(stack).read("stack", "output")
        kept += _parsed(from_outputs(outputs), stack)
        if project := (outputs.get("environment") or {}).get("projectId"):
            projects.add(str(project))
    railway = railway_view.client()
    known = _living(railway)
    kept += _on_railway(railway, projects | railway_view.agent_projects(railway).keys())
    return ImagesInUse(_each_once(kept), frozenset(projects), known | projects)


def _living(railway: Client) -> frozenset[str]:
    rows = list_projects(railway, subject="projects")
    return frozenset(row["id"] for row in rows if not row["deletedAt"])


def _on_railway(railway: Client, projects: Iterable[str]) -> Iterator[ImageReference]:
    for project in sorted(projects):
        for where, image in railway_view.images(railway, project):
            yield from _parsed([image], where)


def _each_once(references: Iterable[ImageReference]) -> tuple[ImageReference, ...]:
    # The same registry may be spelled in several ways, and its images must not count as those of another one.
    return tuple(dict.fromkeys(reference.canonical for reference in references))


def _parsed(references: Iterable[str], where: str) -> list[ImageReference]:
    try:
        return [parse(reference) for reference in references]
    except RegistryError as error:
        raise InfraError(where, f"runs an image whose reference is invalid: {error}") from None

"""Checks that the objects that a request names belong together, whatever the caller's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.access import ANY_TOKEN, Arguments, flat, named
from emulator.errors import not_authorized, not_found

if TYPE_CHECKING:
    from emulator.api.request import Request


def check(request: Request, operation: str, arguments: Arguments) -> None:
    """Refuse an empty id, another workspace, and objects of several projects or environments.

    An empty text is an id that does not exist (fact: empty-id), not an argument that was left out. A service of another
    project has no instance in the environment (fact: instance-not-found). Railway's errors in the other cases are not
    known.

    Args:
        request: the caller.
        operation: the name of a root field.
        arguments: its arguments.

    Raises:
        Refusal: an object was not found, or `Not Authorized`.
    """
    if operation in ANY_TOKEN:
        return
    store = request.world.store
    if flat(arguments).get("workspaceId") not in (None, request.workspace["id"]):
        raise not_authorized()
    projects, environments, of_services = set[str](), set[str](), set[str]()
    for kind, id_ in named(operation, arguments):
        if not id_:
            raise not_found(kind.title().replace("_", ""))
        row = store.get(kind, id_)
        if row is None:
            continue
        environment_id = id_ if kind == "environment" else row.get("environmentId")
        environment = store.get("environment", environment_id) or row
        environments.update([environment_id] if environment_id else [])
        within = of_services if kind == "service" else projects
        within.add(id_ if kind == "project" else environment["projectId"])
    if len(projects) > 1 or len(environments) > 1:
        raise not_authorized()
    if len(projects | of_services) > 1:
        raise not_found("ServiceInstance")

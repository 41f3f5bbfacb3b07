"""Authorization: decides from the token, the operation and the objects that it names whether a caller may do it.

Resolvers only check whether an object exists; views call `sees` before they show more of an environment than its name.
How far a project token reaches is disputed (fact: project-token-reach). Here it never reaches beyond its environment,
and never to what several environments share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from emulator.errors import not_authorized

if TYPE_CHECKING:
    from emulator.api.request import Request
    from emulator.store import Document, Store

PUBLIC = frozenset({"__schema", "__type", "__typename", "template"})
"""Operations that need no token (fact: introspection-is-public) (fact: template-is-public)."""
ANY_TOKEN = frozenset(
    {
        "cliEventTrack",
        "customDomainAvailable",
        "projectToken",
        "regions",
        "serviceDomainAvailable",
        "template",
        "workflowStatus",
    }
)
"""Operations that every token may use, as they concern nobody's objects."""
ACCOUNT = frozenset(
    {
        "apiToken",
        "environmentCreate",
        "environmentDelete",
        "environmentRename",
        "externalWorkspaces",
        "me",
        "projectCreate",
        "projectDelete",
        "projectFavorites",
        "projectScheduleDelete",
        "projectScheduleDeleteCancel",
        "projectTokenCreate",
        "projectTokenDelete",
        "projectTokens",
        "projectUpdate",
        "projects",
        "twoFactorInfo",
        "workspace",
    }
)
"""Operations on the account, the workspace or the project, which no project token may use (fact: account-only-me)."""
DEPLOYING = frozenset(
    {
        "deploymentApprove",
        "deploymentCancel",
        "deploymentRedeploy",
        "deploymentRemove",
        "deploymentRestart",
        "deploymentRollback",
        "deploymentStop",
        "serviceInstanceDeploy",
        "serviceInstanceDeployV2",
        "serviceInstanceRedeploy",
    }
)
"""The mutations that a project token may use with the setting `project_token: strict`."""
_KIND_OF_ARGUMENT = {
    "baseEnvironmentId": "environment",
    "deploymentId": "deployment",
    "environmentId": "environment",
    "projectId": "project",
    "serviceDomainId": "domain",
    "serviceId": "service",
    "sourceEnvironmentId": "environment",
    "volumeId": "volume",
}
_KIND_OF_ID = {
    "customDomain": "custom_domain",
    "customDomainDelete": "custom_domain",
    "customDomainUpdate": "custom_domain",
    "deployment": "deployment",
    "deploymentEvents": "deployment",
    "environment": "environment",
    "environmentDelete": "environment",
    "environmentPatch": "patch",
    "environmentRename": "environment",
    "project": "project",
    "projectDelete": "project",
    "projectScheduleDelete": "project",
    "projectScheduleDeleteCancel": "project",
    "projectTokenDelete": "project_token",
    "projectUpdate": "project",
    "service": "service",
    "serviceConnect": "service",
    "serviceDelete": "service",
    "serviceDisconnect": "service",
    "serviceDomainDelete": "domain",
    "serviceUpdate": "service",
    "tcpProxyDelete": "tcp_proxy",
    "volumeInstance": "volume_instance",
    **dict.fromkeys((name for name in DEPLOYING if name.startswith("deployment")), "deployment"),
}
Arguments = Mapping[str, Any]


def check(request: Request, operation: str, arguments: Arguments, *, writes: bool) -> None:
    """Refuse an operation that the caller's token may not use.

    Args:
        request: the caller.
        operation: the name of a root field.
        arguments: its arguments.
        writes: whether it is a mutation.

    Raises:
        Refusal: `Not Authorized`.
    """
    if operation in ANY_TOKEN:
        return
    if request.is_foreign:
        if operation == "projectCreate" or any(True for _ in named(operation, arguments)):
            raise not_authorized()
        return
    token = request.token
    if token is None:
        return
    if operation in ACCOUNT or (writes and operation not in DEPLOYING and _is_strict(request)):
        raise not_authorized()
    store = request.world.store
    if not all(_is_of(store, token, kind, id_) for kind, id_ in named(operation, arguments)):
        raise not_authorized()
    touched = _TOUCHED.get(operation)
    seen = set(_holding(store, arguments)) if operation == "service" else set()
    if seen and token["environmentId"] not in seen:
        raise not_authorized()
    if touched is not None and not set(touched(store, flat(arguments))) <= {token["environmentId"]}:
        raise not_authorized()


def require_account(request: Request) -> None:
    """Refuse a project token.

    Raises:
        Refusal: `Not Authorized`.
    """
    if request.token is not None:
        raise not_authorized()


def sees(request: Request, environment_id: str) -> bool:
    """Tell whether the caller may see the contents of an environment."""
    return request.token is None or bool(request.token["environmentId"] == environment_id)


def named(operation: str, arguments: Arguments) -> Iterator[tuple[str, str]]:
    """Yield kind and id of each object that the arguments name."""
    for name, value in flat(arguments).items():
        kind = _KIND_OF_ID.get(operation) if name == "id" else _KIND_OF_ARGUMENT.get(name)
        if kind and isinstance(value, str):
            yield kind, value


def flat(arguments: Arguments) -> Arguments:
    """Return the arguments, together with the fields of the input object."""
    given = arguments.get("input")
    return {**arguments, **given} if isinstance(given, Mapping) else arguments


def _is_strict(request: Request) -> bool:
    return bool(request.world.settings.decides("project_token") == "strict")


def _is_of(store: Store, token: Document, kind: str, id_: str) -> bool:
    """Tell whether an object belongs to a token's project and environment; True if it does not exist."""
    if kind == "project":
        return bool(token["projectId"] == id_)
    if kind == "environment":
        return bool(token["environmentId"] == id_)
    row = store.get(kind, id_) or {}
    same_project = row.get("projectId") in (None, token["projectId"])
    return same_project and row.get("environmentId") in (None, token["environmentId"])


def _environments(store: Store, matches: Callable[[Document], bool]) -> list[Document]:
    return store.all("environment", lambda row: not row.get("deletedAt") and matches(row))


def _holding(store: Store, given: Arguments) -> Iterator[str]:
    """Yield the environments that have an instance of a service."""
    service = given.get("serviceId") or given.get("id")
    for row in _environments(store, lambda row: service in row["config"].get("services", {})):
        yield row["id"]


def _given_or_holding(store: Store, given: Arguments) -> Iterator[str]:
    if given.get("environmentId"):
        yield str(given["environmentId"])
    else:
        yield from _holding(store, given)


def _fork(store: Store, given: Arguments) -> str:
    """Return the named environment if it is a fork, empty otherwise."""
    environment = store.get("environment", given.get("environmentId"))
    if environment is None or not environment.get("sourceEnvironmentId"):
        return ""
    return str(environment["id"])


def _deleting(store: Store, given: Arguments) -> Iterator[str]:
    """Yield the environments from which a service is deleted (fact: service-delete-scope)."""
    if fork := _fork(store, given):
        yield fork
    else:
        yield from _holding(store, given)


def _creating(store: Store, given: Arguments) -> Iterator[str]:
    """Yield the environments in which a service is created (fact: service-create-scope)."""
    if fork := _fork(store, given):
        yield fork
    else:
        project = given.get("projectId")
        for row in _environments(store, lambda row: row["projectId"] == project and not row.get("sourceEnvironmentId")):
            yield row["id"]


def _given_or_all(store: Store, given: Arguments) -> Iterator[str]:
    if given.get("environmentId"):
        yield str(given["environmentId"])
    elif "environmentId" not in given:
        for row in _environments(store, lambda row: row["projectId"] == given.get("projectId")):
            yield row["id"]


def _mounting(store: Store, given: Arguments) -> Iterator[str]:
    """Yield the named environment, or else those that have an instance of a volume."""
    if given.get("environmentId"):
        yield str(given["environmentId"])
    else:
        for row in store.all("volume_instance", lambda row: row["volumeId"] == given.get("volumeId")):
            yield row["environmentId"]


_TOUCHED: Mapping[str, Callable[[Store, Arguments], Iterator[str]]] = {
    "deployments": _given_or_all,
    "serviceConnect": _holding,
    "serviceCreate": _creating,
    "serviceDelete": _deleting,
    "serviceDisconnect": _holding,
    "serviceInstanceUpdate": _given_or_holding,
    "serviceUpdate": _holding,
    "templateDeployV2": _given_or_all,
    "volumeCreate": _given_or_all,
    "volumeDelete": _mounting,
    "volumeInstanceUpdate": _mounting,
    "volumeUpdate": _mounting,
}
"""The environments that an operation affects, if they are not just the one that it names."""

"""What must be true after a run, by the store alone: as the config says, nothing twice, nothing left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from convos_infra.railway.change import announced as announced_deployments
from convos_infra.railway.resources.project import BASE_ENVIRONMENT
from emulator.store import Store
from tests.colleague.engine import Op, Step
from tests.colleague.judge import Book, Context, Rule, Violation
from tests.colleague.truth import (
    Fact,
    Facts,
    facts,
    newest_deployment,
    not_running,
    services_named,
    stored_service,
)
from tests.colleague.wanted import APP, CUSTOM, DB, ENVIRONMENT, PROJECT, Wanted
from tests.railway.fix_resources import Made, Props

DEFAULTS: Mapping[str, Any] = {
    "healthcheckTimeout": 300,
    "restartPolicyType": "ON_FAILURE",
    "restartPolicyMaxRetries": 10,
    "sleepApplication": False,
    "overlapSeconds": 0,
    "drainingSeconds": 0,
}
_THINGS = ("environment", "instance", "volume_instance", "domain", "custom_domain")
Count = Callable[[Mapping[str, Any], Mapping[str, Any]], int]
_NOT_FIELDS = ("variables", "unmanagedVariables")


def differences(store: Store, wanted: Wanted, state: Mapping[str, Made]) -> Iterator[tuple[Fact, str]]:
    """Yield what is otherwise than the config says."""
    project, environment = state["project"].id, state["environment"].id
    now = facts(store)
    for key, name in ((("project", project), PROJECT), (("environment", environment), ENVIRONMENT)):
        if now.get(key) != name:
            yield key, f"is {now.get(key)!r} instead of {name!r}"
    for name, value in wanted.shared.items():
        if (now.get(("shared", environment, name)) or ("", False))[0] != value:
            yield ("shared", name), f"is {now.get(('shared', environment, name))}, not {value!r}"
    for name, config in ((DB, wanted.db), (APP, wanted.app)):
        yield from _of_service(store, wanted, environment, project, name, config)


def _of_service(
    store: Store, wanted: Wanted, environment: str, project: str, name: str, config: Props
) -> Iterator[tuple[Fact, str]]:
    ids = services_named(store, project, name)
    stored = stored_service(store, environment, ids[0]) if len(ids) == 1 else None
    if stored is None:
        yield ("service", name), f"{len(ids)} of that name, or none in the environment"
        return
    for field in _fields(config, stored):
        yield ("field", name, field), "is stored otherwise"
    variables = {key: entry.get("value") for key, entry in (stored.get("variables") or {}).items()}
    for key, value in config["variables"].items():
        if variables.get(key) != value:
            yield ("variable", name, key), f"is {variables.get(key)!r}, not {value!r}"
    yield from _parts(store, wanted, environment, ids[0], name)
    managed = {"deployment", *config, *config["variables"]}
    for what in sorted(managed.intersection(not_running(store, environment, ids[0]))):
        newest = newest_deployment(store, environment, ids[0]) or {"status": "none"}
        yield ("running", name, what), f"does not run as stored; the deployment is {newest['status']}"


def _fields(config: Props, stored: Mapping[str, Any]) -> Iterator[str]:
    flat = {
        key: value for section in ("source", "build", "deploy") for key, value in (stored.get(section) or {}).items()
    }
    for key, value in config.items():
        if key not in _NOT_FIELDS and _plain(flat.get(key, DEFAULTS.get(key))) != _plain(value):
            yield key


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _parts(store: Store, wanted: Wanted, environment: str, service: str, name: str) -> Iterator[tuple[Fact, str]]:
    def here(kind: str) -> list[dict[str, Any]]:
        rows = store.all(kind, lambda row: row["environmentId"] == environment and row["serviceId"] == service)
        return [row for row in rows if not row.get("deletedAt")]

    if name == DB:
        mounts = [row["mountPath"] for row in here("volume_instance")]
        if mounts != [wanted.mount]:
            yield ("volume", name), f"mounted at {mounts}, not at {wanted.mount}"
    if f"{name}/domain" in wanted.parts and wanted.port not in [row["targetPort"] for row in here("domain")]:
        yield ("domain", name), "no domain leads to the port"
    custom = [row["targetPort"] for row in here("custom_domain") if row["domain"] == CUSTOM]
    if f"{name}/custom" in wanted.parts and custom != [wanted.port]:
        yield ("custom_domain", name), f"leads to {custom}"
    if f"{name}/proxy" in wanted.parts and [row for row in here("tcp_proxy") if row["applicationPort"] == 5432] == []:
        yield ("tcp_proxy", name), "is not there"


def obstacles(store: Store, state: Mapping[str, Made]) -> list[str]:
    """Name what an update cannot get past, and must not: things of the colleague's, in the place of ours."""
    found = []
    projects = [
        row["id"] for row in store.all("project", lambda row: not row.get("deletedAt")) if row["name"] == PROJECT
    ]
    own = state["project"].id if "project" in state else ""
    rows = store.all("project", lambda row: row["name"] == PROJECT and bool(row.get("deletionScheduled")))
    found += ["a project's deletion is scheduled" for row in rows if row.get("deletedAt")]
    if len(projects) > 1 or (own and projects not in ([], [own])):
        found.append("another project of that name")
    rows = store.all("environment", lambda row: not row.get("deletedAt") and row["name"] == ENVIRONMENT)
    environment = state["environment"].id if "environment" in state else ""
    if len(rows) > 1 or (environment and [row["id"] for row in rows] not in ([], [environment])):
        found.append("another environment of that name")
    for name in (DB, APP):
        ids = services_named(store, own, name)
        service = state[f"{name}/service"].id if f"{name}/service" in state else ""
        if len(ids) > 1 or (service and ids not in ([], [service])):
            found.append(f"another service {name}")
        found += _crowded(store, environment, name, service)
    found += ["a volume can still be restored" for row in store.all("volume_instance") if row.get("deletedAt")]
    for row in store.all("custom_domain", lambda row: row["domain"] == CUSTOM):
        if "app/service" not in state or row["serviceId"] != state["app/service"].id:
            found.append("another service has the domain")
    return found


def _crowded(store: Store, environment: str, name: str, service: str) -> list[str]:
    here = {"environmentId": environment, "serviceId": service}
    found = []
    for kind in ("volume_instance", "domain"):
        rows = store.all(kind, lambda row: here.items() <= row.items() and not row.get("deletedAt"))
        if service and len(rows) > 1:
            found.append(f"{name} has {len(rows)} of kind {kind}")
    return found


def shown(steps: Mapping[str, Step]) -> str:
    return ", ".join(f"{step.op.value} {key}" for key, step in steps.items() if step.op is not Op.SAME) or "no changes"


def unannounced(did: Mapping[str, int], promised: Mapping[str, int], *, done: bool, alone: bool) -> Iterator[Violation]:
    """Yield services with more deployments than promised; with fewer, only after a whole update that ran alone."""
    for name in sorted(did):
        told = promised.get(name, 0)
        if did[name] > told or (done and alone and did[name] != told):
            since = "nobody acted since" if alone else "the colleague acted since"
            which = ("deployments", "more" if did[name] > told else "fewer", since)
            yield Violation(Rule.DEPLOYMENTS, which, f"{name}: announced {told}, made {did[name]}", "up")


def left_over(store: Store, book: Book, state: Mapping[str, Made]) -> Iterator[Fact]:
    """Yield what this stack has made and does not know any more."""
    ids = {made.id for made in state.values()}
    now = facts(store)
    used = {key[-1] for key in now if key[0] == "instance"}
    for key, value in now.items():
        # A service that nobody has an instance of shows only here. The first ones were made before the book was begun.
        is_unused = key[0] == "service" and key[-1] not in used
        is_ours = key in book.ours or (is_unused and key not in book.theirs)
        if not is_ours or (len(key) > 1 and _is_left_to_railway(store, key[1])):
            continue
        kind, id_ = key[0], key[-1]
        living = kind != "volume_instance" or value == "living"
        # The base environment came with its project, and stays with it.
        counts = living and not (kind == "environment" and value == BASE_ENVIRONMENT)
        if counts and (kind in _THINGS or is_unused) and id_ not in ids:
            yield key
        if kind == "tcp_proxy" and not any(
            name.endswith("/proxy") and made.outputs["serviceId"] == key[2] for name, made in state.items()
        ):
            yield key


def _is_left_to_railway(store: Store, environment_id: str) -> bool:
    """Tell whether an environment goes with its project, whose deletion is scheduled."""
    environment = store.get("environment", environment_id) or {}
    project = store.get("project", str(environment.get("projectId"))) or {}
    return bool(project.get("deletionScheduled"))


def is_kept(store: Store, book: Book, said: Sequence[str], key: Fact) -> bool:
    """Tell whether a destroy has left something for a reason, and has named it: the colleague has filled it since.

    Whose a service is that an update had made when it was killed, and that has something in it, cannot be known. A
    volume holds the data of the service that it is mounted in, and stays with it.
    """
    rows = {"instance": "service", "environment": "environment", "volume_instance": "volume"}
    kind, id_ = rows.get(key[0], ""), key[-1]
    name = (store.get(kind, id_) or {}).get("name") if kind else None
    mounted = [row["serviceId"] for row in store.all("volume_instance", lambda row: row["volumeId"] == id_)]
    filled = any({id_, *mounted} & set(fact[1:]) for fact in book.touched)
    return filled and any(f"{line.partition(': ')[0]} ".startswith(f"keeps {kind} {name} ") for line in said)


def named_as_own(state: Mapping[str, Made], context: Context, book: Book, there: Facts) -> set[Fact]:
    """Return the colleague's environment, where it was empty and a run has named it as the stack's own from then on.

    Args:
        state: as the update has left it.
        context: the update.
        book: who made what.
        there: what was true when it began.
    """
    made, step = state.get("environment"), context.steps.get("environment")
    key: Fact = ("environment", made.id) if made is not None else ()
    if made is None or key not in book.theirs or key not in there or not made.outputs.get("owned"):
        return set()
    in_preview = step is not None and step.inputs.get("adopts") == made.id and step.inputs.get("owned") is True
    line = f"Environment {ENVIRONMENT}: takes over {made.id} as this stack's own, which a destroy deletes"
    is_said = line in context.said and (in_preview or book.writes[key].at > context.since)
    is_empty = all(fact[0] == "environment" or fact[1] != made.id for fact in there)
    return {key} if is_said and is_empty else set()


def announced(steps: Mapping[str, Step], count: Count = announced_deployments) -> dict[str, int]:
    """Return how many deployments a preview has announced, by service.

    Args:
        steps: the preview.
        count: of one resource, by its inputs before and after; `announced_at_most` counts those that others can cause.
    """
    found: dict[str, int] = {}
    for key, step in steps.items():
        if step.op in (Op.SAME, Op.DELETE):
            continue
        if key.endswith("/instance"):
            name = key.partition("/")[0]
            before = step.before.inputs if step.before is not None and step.op is Op.UPDATE else {}
            found[name] = found.get(name, 0) + count(before, step.inputs)
        for name in step.inputs.get("again") or () if key == "deployments" else ():
            found[name] = found.get(name, 0) + 1
    return found

"""Reads everything about a stack as it is now; if one part cannot be read, the others still are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway.listing import is_cut, nodes
from convos_infra.schema.address import Address, parse_url
from convos_infra.schema.apply import inspect
from convos_infra.schema.migration import latest_version
from ops import pulumi_cli, stacks
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import backend, keys, live_stack, railway_now, recorded, services
from ops.status.compare import compare, missing_tokens, of_history
from ops.status.finding import Finding, FindingKind
from ops.status.recorded import Recorded, Role
from ops.status.report import Part, Report, Told, Unread, last_update, of_outputs, of_pool, of_updates
from ops.status.source import Asked, Clock, Remembered, Source, Whom, now
from railway_api import documents
from railway_api.errors import RailwayError
from railway_api.failure import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from convos_infra.rollout.pool_api import PoolApi
    from ops.status.backend import Backend
    from ops.status.railway_now import RailwayNow
    from railway_api.client import Client

DATABASE_SECONDS = 5.0
UNKNOWN_PLACE = "not asked, as Railway did not say where it is now"
UPDATES = 20
"""How many updates are searched for refreshes since the last one; the page shows the newest."""
NOTHING = "nothing is deployed"
_OF_THE_PRESENT = (Part.ENVIRONMENT, Part.SERVICES, Part.DRIFT)
_DEPLOYED = (*_OF_THE_PRESENT, Part.IMAGE, Part.AGENTS, Part.SCHEMA)


@dataclass
class _Page:
    """The page while it is read: each part with the time at which it was requested."""

    clock: Clock
    parts: dict[Part, Told] = field(default_factory=dict)
    unread: dict[Part, Unread] = field(default_factory=dict)

    def ask(self, whom: Whom, parts: Sequence[Part], found: Callable[[], Sequence[Any]]) -> bool:
        """Request parts from a source, and keep its answer, or why there is none."""
        source: Source = Asked(whom, self.clock())
        try:
            values = found()
        except Failure as error:
            self.unread |= dict.fromkeys(parts[:1], Unread(str(error), source))
            return False
        self.parts |= {part: Told(value, source) for part, value in zip(parts, values, strict=True)}
        return True

    def skip(self, parts: Sequence[Part], why: str) -> None:
        """Record why parts were not requested."""
        self.unread |= dict.fromkeys(parts, Unread(why))


def read(stack: str, environ: Mapping[str, str], clock: Clock = now) -> Report:
    """Read a stack.

    Args:
        stack: its name.
        environ: the process's environment.
        clock: returns the present moment.

    Raises:
        InfraError: there is no such stack, or Pulumi does not answer.
    """
    config = stacks.config(CHECKOUT, stack)
    place, page = live_stack.where(), _Page(clock)
    row = next((one for one in pulumi_cli.stacks() if one["name"] == stack), None)
    if row is None:
        raise live_stack.missing(stack, place)
    asked = Asked(Whom.BACKEND, clock())
    cli = Pulumi(stack)
    state = recorded.parsed(cli.state())
    page.parts[Part.BACKEND] = Told({"url": place.shown, "origin": place.origin}, asked)
    page.parts[Part.UPDATE] = Told(under_way(place, stack, row, state), asked)
    page.ask(Whom.BACKEND, [Part.UPDATES], lambda: [of_updates(_history(cli))])
    page.ask(Whom.CONFIG, [Part.KEYS], lambda: [tuple(keys.states(config, environ))])
    if not state.is_deployed:
        page.skip(_DEPLOYED, f"{NOTHING}; pulumi up --stack {stack}")
        return Report(stack, page.parts, page.unread)
    updates = page.parts[Part.UPDATES].value if Part.UPDATES in page.parts else []
    _image(page, state, config, stack, last_update(updates, state.written_at))
    _present(page, state, environ, of_history(updates))
    return Report(stack, page.parts, page.unread)


def under_way(
    place: Backend, stack: str, row: Mapping[str, Any], state: Recorded, folder: Path = CHECKOUT
) -> dict[str, Any]:
    """Return whether an update runs or was interrupted: locks, the backend's report, operations without an end."""
    return {
        "locks": [lock.document() for lock in backend.locks(place, stack, folder)],
        "locksAreShown": place.shows_locks,
        "inProgress": bool(row.get("updateInProgress")),
        "unfinished": [{"operation": what, "resource": of} for what, of in state.unfinished],
    }


def _history(cli: Pulumi) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = cli.read("stack", "history", "--page-size", str(UPDATES), "--page", "1")
    return found


def _image(page: _Page, state: Recorded, config: Mapping[str, Any], stack: str, updated_at: str) -> None:
    image = of_outputs(state.outputs)
    if image is None:
        page.skip([Part.IMAGE], f"the stack has no output image; pulumi up --stack {stack}")
        return
    page.parts[Part.IMAGE] = Told(image, Remembered(updated_at))
    if image["chosenBy"] in ("pin", "follow"):
        tag = str(config.get("imageBranchTag") or stack)
        page.ask(Whom.REGISTRY, [Part.NEWEST], lambda: [_newest(image, tag)])


def _newest(image: Mapping[str, Any], tag: str) -> dict[str, str]:
    found = live_stack.named_now(str(image["reference"]), tag, "newest image")
    return {"tag": tag, "digest": found.partition("@")[2], "deployed": str(image["digest"])}


def _present(page: _Page, state: Recorded, environ: Mapping[str, str], findings: Sequence[Finding]) -> None:
    """Ask Railway first: no key or password is sent to an address that Railway does not report now."""
    here = _railway(page, state, environ, findings)
    if here is not None:
        _agents(page, state, here)
    else:
        page.skip([Part.SERVICES, Part.DRIFT, Part.AGENTS], UNKNOWN_PLACE)
    try:
        address = database_now(state, here)
    except Failure as error:
        page.skip([Part.SCHEMA], str(error))
        return
    page.ask(Whom.DATABASE, [Part.SCHEMA], lambda: [_schema(address, state)])


def _railway(
    page: _Page, state: Recorded, environ: Mapping[str, str], findings: Sequence[Finding]
) -> RailwayNow | None:
    """Read the environment; None if Railway could not be asked."""
    try:
        client = live_stack.client(state, environ)
    except Failure as error:
        page.skip([Part.ENVIRONMENT], str(error))
        return None
    found: list[RailwayNow] = []

    def look() -> list[Any]:
        found.append(railway_now.read(client, state))
        return present(state, found[0], [*findings, *tokens(state, found[0], client)], page.clock)

    page.ask(Whom.RAILWAY, _OF_THE_PRESENT, look)
    return found[0] if found else None


def present(state: Recorded, railway: RailwayNow, findings: Sequence[Finding], clock: Clock) -> list[Any]:
    """Return environment, services and drift.

    Args:
        state: what the last update left.
        railway: what is there now.
        findings: more that differs.
        clock: returns the present moment.
    """
    known = state.outputs.get("environment") or {}
    snapshot = railway.snapshot
    environment = {
        "name": snapshot.name if snapshot is not None else str(known.get("name") or ""),
        "project": snapshot.project_name if snapshot is not None else str(known.get("project") or ""),
        "projectId": railway.project_id,
        "id": railway.environment_id,
        "gone": snapshot is None,
    }
    return [environment, list(services.services(state, railway)), [*compare(state, railway, clock()), *findings]]


def tokens(state: Recorded, railway: RailwayNow, client: Client) -> list[Finding]:
    """Return which of the stack's project tokens Railway does not list any more, or that it does not list them."""
    if railway.snapshot is None or not any(True for _ in state.of("ProjectToken")):
        return []
    if railway.snapshot.tokens is not None:
        return missing_tokens(state, railway.snapshot.tokens)
    try:
        answer = client.query(documents.PROJECT_TOKENS, {"projectId": railway.project_id}, subject="project tokens")
    except RailwayError:
        # A project token can read its environment, but not the project's list of tokens.
        return [Finding("project tokens", FindingKind.NOT_COMPARED, ("their list",))]
    if is_cut(listed := answer.get("projectTokens")):
        return [Finding("project tokens", FindingKind.NOT_COMPARED, ("their list",))]
    return missing_tokens(state, nodes(listed))


def _agents(page: _Page, state: Recorded, railway: RailwayNow) -> None:
    pool = state.of_role("ServiceInstance", Role.POOL_MANAGER)
    if pool is not None and services.service(pool, railway).is_simulated:
        note = {"note": "none: the pool manager is simulated here", "total": 0}
        page.parts[Part.AGENTS] = Told(note, page.parts[Part.SERVICES].source)
        return
    try:
        api = live_stack.pool_api(state, railway)
    except Failure as error:
        page.skip([Part.AGENTS], str(error))
        return
    page.ask(Whom.POOL_MANAGER, [Part.AGENTS, Part.ROLLOUT], lambda: agents(api))


def agents(api: PoolApi) -> Sequence[Any]:
    """Return the agents and the rollout.

    Raises:
        InfraError: the pool manager does not answer, refuses, or its answer is unknown to this program.
    """
    found = api.status()
    try:
        return of_pool(found)
    except (TypeError, ValueError, AttributeError) as error:
        raise InfraError("pool-manager", f"its status is not one that this program knows ({error})") from None


def database_now(state: Recorded, railway: RailwayNow | None) -> Address:
    """Return the address of the stack's database that Railway reports now; its own URL if Railway does not have it.

    Raises:
        InfraError: there is none, or Railway reports no address of it.
    """
    url = str((state.outputs.get("database") or {}).get("url") or "")
    if not url:
        raise InfraError("database", "the stack has none yet", "run pulumi up")
    address = parse_url(url, subject="database")
    proxy = state.of_role("TcpProxy", Role.DATABASE)
    if proxy is None:
        return address
    service_id = str(proxy.values["serviceId"])
    place = railway.proxy(service_id, int(proxy.values["applicationPort"])) if railway is not None else None
    if railway is None:
        raise InfraError("database", UNKNOWN_PLACE)
    if railway.proxies_unread:
        raise InfraError("database", f"not asked, as its TCP proxy could not be read ({railway.proxies_unread})")
    if place is None:
        raise InfraError("database", "not asked, as Railway shows no TCP proxy of it", "pulumi refresh, then pulumi up")
    instance = state.of_role("ServiceInstance", Role.DATABASE)
    service = services.service(instance, railway) if instance is not None else None
    if service is not None and service.serving is None:
        raise InfraError("database", f"not asked, as none runs: its newest deployment is {service.status}")
    return replace(address, host=place[0], port=place[1])


def _schema(address: Address, state: Recorded) -> dict[str, Any]:
    found = inspect(address, wait_seconds=DATABASE_SECONDS)
    return {
        "version": found.applied[-1].version if found.applied else "",
        "recorded": str((state.outputs.get("database") or {}).get("schemaVersion") or ""),
        "newest": latest_version(),
        "drift": list(found.drift),
    }

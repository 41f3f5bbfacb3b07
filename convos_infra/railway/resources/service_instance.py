"""`ServiceInstance`: the deployed configuration of a service in one environment. One patch, one deployment.

Source, deploy settings and variables travel in one `environmentPatchCommit`: in several calls about one agent in ten
started without its variables (mission, what they learnt afterwards 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.provider import Props, has_unknown, is_unknown
from convos_infra.railway import patch_plan
from convos_infra.railway.commit import commit, deploy, sourced, store_variables
from convos_infra.railway.declaring import environment_key
from convos_infra.railway.environment_config import (
    FIELDS,
    SEALED,
    VARIABLES,
    changed_fields,
    live_fields,
    live_variables,
    same,
)
from convos_infra.railway.patch_plan import REDEPLOYS, REMOVES, SEEN, SOURCED, UNMANAGED, UNMANAGED_FIELDS
from convos_infra.railway.reference_check import Patience, mended, preview_failures, unmade, warn_of_others
from convos_infra.railway.resources.properties import difference, inputs_of
from convos_infra.railway.resources.service_instance_args import (
    ServiceInstanceArgs,
    failures,
    sealing_failures,
)
from convos_infra.railway.resources.unknown_secrets import refuse_unknown_secrets
from convos_infra.railway.running import not_running
from convos_infra.railway.running_references import gives
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Gone, Snapshot

PARENT = ("projectId", "environmentId", "serviceId")
MANAGED = (*(field.name for field in FIELDS), VARIABLES, SEALED)
NOT_RUNNING = "notRunning"
"""What a refresh saw stored, but not in the running deployment: the next preview says so, and the update deploys it."""
_ADDED = (REMOVES, REDEPLOYS, SOURCED, "deploys", "adopts")
_INPUTS = (*PARENT, "service", *MANAGED, "unmanagedVariables", "overwriteChanges", "givenBy", UNMANAGED_FIELDS, *_ADDED)


class ServiceInstanceProvider(RailwayProvider):
    """Brings a service's configuration to what the inputs say."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check every property, and say what the change will cost: `1 deployment: image, 2 variables (A, B)`."""
        problems = failures(news) + sealing_failures(olds, news)
        if problems:
            return news, problems
        checked = self._announced(olds, news)
        deploys = bool(patch_plan.announced(olds, checked))
        changes = not olds or bool(olds.get(NOT_RUNNING)) or checked.get("deploys") != olds.get("deploys")
        self.declaring().instance(olds, checked, changes=changes)
        looks = deploys or (olds.get(VARIABLES) or {}) != (news.get(VARIABLES) or {})
        dead = preview_failures(self.session, self.declaring(), checked, looks=looks)
        return checked if dead else self._said(olds, checked), dead

    def _announced(self, olds: Props, news: Props) -> Props:
        """Return the inputs with what the change will cost, and what else the update has to know."""
        live = self._live(news) if not olds and not has_unknown([news[key] for key in PARENT]) else {}
        if live:
            refuse_unknown_secrets(news, live)
            return _adoption(news, live)
        kept = {key: olds[key] for key in ("adopts", SOURCED) if olds.get(key)}
        strangers = [name for name in olds.get(SEEN) or () if name not in (news.get(VARIABLES) or {})]
        if strangers and not _removes(news):
            kept[SEEN] = strangers
        removes = {REMOVES: olds[SEEN]} if olds.get(SEEN) and _removes(news) else {}
        idle = list(olds.get(NOT_RUNNING) or ())
        right = mended(self.session(), news, idle) if idle else []
        redeploys = {REDEPLOYS: left} if (left := [name for name in idle if name not in right]) else {}
        news = {**news, **kept, **removes, **redeploys}
        cost = patch_plan.cost(olds, news)
        before = str(olds.get("deploys") or "")
        return {**news, "deploys": patch_plan.numbered(cost, before) if cost else before}

    def _said(self, olds: Props, news: Props) -> Props:
        if patch_plan.announced(olds, news):
            self.session().announce_deployment(str(news["service"]))
        return news

    def _live(self, news: Props) -> Mapping[str, Any]:
        """Return what a service has before this stack says anything of it; nothing of one that is empty."""
        live = self.session().living(news, thing=news["service"]).service(news["serviceId"]) or {}
        return live if live_fields(live) or live_variables(live) else {}

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare property by property, Railway's defaults counting as absent.

        A refresh asks this too, of what it read and the inputs in the state (docs/decisions/0010): what is to be
        removed there, has been; and what it has seen is no input yet.
        """
        del id_
        announced = bool(news.get(REMOVES) or news.get(REDEPLOYS)) and news.get("deploys") != olds.get("deploys")
        seen = any((olds.get(key) or []) != (news.get(key) or []) for key in (SEEN, NOT_RUNNING))
        plain = difference(olds, news, ("service", "unmanagedVariables"), PARENT)
        fields = any(
            is_unknown(news.get(field.name)) or not same(field, olds.get(field.name), news.get(field.name))
            for field in FIELDS
        )
        variables = any((olds.get(key) or None) != (news.get(key) or None) for key in (VARIABLES, SEALED))
        return DiffResult(
            changes=bool(plain.changes) or fields or variables or announced or seen,
            replaces=plain.replaces,
            stables=[],
            delete_before_replace=plain.delete_before_replace,
        )

    def created(self, props: Props) -> CreateResult:
        """Bring a new or taken-over service to the inputs; sends nothing where it is there already."""
        outputs = self._brought(recorded={}, wanted=props, deployment_id="")
        return CreateResult(f"{props['environmentId']}/{props['serviceId']}", outputs)

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Bring it to the new inputs, unless somebody changed it since the state was written."""
        del id_
        return UpdateResult(
            self._brought(recorded=olds, wanted=news, deployment_id=str(olds.get("deploymentId") or ""))
        )

    def _brought(self, *, recorded: Props, wanted: Props, deployment_id: str) -> Props:
        session = self.session()
        snapshot = _once_references_lead_somewhere(session, recorded, wanted)
        latest = snapshot.latest_deployment(wanted["serviceId"])
        found = latest.id if latest is not None else ""
        live = snapshot.service(wanted["serviceId"]) or {}
        outputs = _outputs(wanted, live, deployment_id=found or deployment_id)
        if outputs[UNMANAGED] and _removes(wanted):
            text = f"not removed, as no preview named them: {', '.join(outputs[UNMANAGED])}; pulumi refresh does"
            session.client.progress(f"{wanted['service']}: {text}")
        return outputs

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read what is managed here, so that drift shows property by property."""
        try:
            snapshot = self.session().read(props, thing=props["service"])
        except Gone:
            return ReadResult("", {})
        live = snapshot.service(props["serviceId"])
        if live is None:
            return ReadResult("", {})
        seen = _seen(props, live)
        latest = snapshot.latest_deployment(props["serviceId"])
        outputs = _outputs(seen, live, deployment_id=latest.id if latest is not None else "")
        found = {
            SEEN: outputs[UNMANAGED],
            NOT_RUNNING: _not_running(self.session(), seen, snapshot),
        }
        found = {key: names for key, names in found.items() if names}
        outputs = {key: value for key, value in outputs.items() if key not in (SEEN, NOT_RUNNING)}
        return ReadResult(id_, {**outputs, **found}, {**inputs_of(outputs, _INPUTS), **found})

    def deleted(self, id_: str, props: Props) -> None:
        """Leave it: a configuration goes with its `Service`, and without one there is nothing to configure."""
        del id_
        self.session().prove_sight(props, thing=props["service"])


def _once_references_lead_somewhere(session: Session, recorded: Props, wanted: Props) -> Snapshot:
    """Bring a service to its inputs; where they refer to what this update is still making, as soon as it is made."""
    patience = Patience(session)
    try:
        while True:
            with session.snapshots.writing(wanted["environmentId"]):
                # Right after its service was made that has just been read, so a new one needs no read of its own.
                snapshot = session.living(wanted, thing=wanted["service"], fresh=bool(recorded))
                plan = _planned(recorded, wanted, snapshot)
                ends = unmade(session, wanted, snapshot) if _renders(plan, wanted, snapshot) else []
                if not ends:
                    snapshot = _sent(session, snapshot, wanted, plan)
                    session.snapshots.settle(wanted["environmentId"])
                    return snapshot
                is_empty = not sourced({}, snapshot.service(wanted["serviceId"]) or {})
                if is_empty and plan.variables and patience.must_give(wanted, ends):
                    store_variables(session, wanted, plan)
            patience.wait(ends)
    except Exception:
        session.declaring.failed(environment_key(wanted), wanted["service"])
        raise
    finally:
        patience.end(wanted)


def _planned(recorded: Props, wanted: Props, snapshot: Snapshot) -> patch_plan.Plan:
    """Work out the patch; refuse it where it is not what the preview showed."""
    name, live = wanted["service"], snapshot.service(wanted["serviceId"])
    if live is None:
        raise InfraError(name, "it has no instance in this environment", "run pulumi refresh, then pulumi up")
    plan = patch_plan.plan(recorded, wanted, live, removes=wanted.get(REMOVES) or ())
    if plan.conflicts and not wanted.get("overwriteChanges"):
        raise InfraError(
            name,
            f"{', '.join(plan.conflicts)} changed outside this stack since the last update (dashboard?)",
            "pulumi refresh shows and records it, then pulumi up goes on; overwriteChanges overwrites it",
        )
    if plan.deploys and sourced(wanted, live) and not patch_plan.announced(recorded, wanted):
        raise InfraError(
            name,
            f"this would make a deployment ({', '.join([*plan.fields, *plan.variables])}) that no preview said",
            "pulumi refresh records what changed on Railway, then pulumi preview says it",
        )
    return plan


def _renders(plan: patch_plan.Plan, wanted: Props, snapshot: Snapshot) -> bool:
    """Tell whether what follows makes a deployment, which renders every reference, or sets variables for one."""
    deploys = plan.deploys and sourced(wanted, snapshot.service(wanted["serviceId"]) or {})
    return deploys or bool(plan.variables) or bool(wanted.get(REDEPLOYS))


def _sent(session: Session, snapshot: Snapshot, wanted: Props, plan: patch_plan.Plan) -> Snapshot:
    if plan.deploys or wanted.get(REDEPLOYS):
        warn_of_others(session, wanted, snapshot)
    if plan.patch:
        snapshot = commit(session, snapshot, wanted, plan)
    if not plan.deploys and wanted.get(REDEPLOYS) and _not_running(session, wanted, snapshot):
        snapshot = deploy(session, snapshot, wanted)
    return snapshot


def _adoption(news: Props, live: Mapping[str, Any]) -> Props:
    """Say what taking over a service changes, and what it costs."""
    managed = news.get(VARIABLES) or {}
    strangers = sorted(name for name in live_variables(live) if name not in managed)
    removes = strangers if _removes(news) else []
    found = patch_plan.plan({}, news, live, removes=removes)
    changed = [*found.fields, *found.variables]
    what = f"changes {', '.join(changed)}" if changed else "changes nothing"
    unread = sorted(name for name, value in live_variables(live).items() if value is None)
    if unread:
        what += f", takes as they are (sealed): {', '.join(unread)}"
    has_source = sourced(news, live)
    deploys = found.deploys and has_source
    cost = f"{'1 deployment' if deploys else '0 deployments, stored only'}: {', '.join(changed)}"
    return {
        **news,
        **({REMOVES: removes} if removes else {SEEN: strangers} if strangers else {}),
        **({SOURCED: True} if has_source and not patch_plan.has_source(news) else {}),
        "adopts": f"{news['serviceId']}, {what}",
        "deploys": patch_plan.numbered(cost, "") if changed else "0 deployments",
    }


def _removes(props: Mapping[str, Any]) -> bool:
    return props.get("unmanagedVariables") == "remove"


def _not_running(session: Session, props: Props, snapshot: Snapshot) -> list[str]:
    service_id = props["serviceId"]
    details = session.snapshots.details(snapshot)
    running = details.variables.get(service_id)
    stored = snapshot.service(service_id) or {}
    now = gives(snapshot, service_id, details.tcp_proxies)
    return not_running(props, stored, snapshot.latest_deployment(service_id), running, now)


def _seen(props: Props, live: Mapping[str, Any]) -> Props:
    """Return the properties with what Railway has now for each that is managed."""
    fields = live_fields(live)
    seen = {**props, **{name: fields.get(name) for name in changed_fields(props, live)}}
    values = live_variables(live)
    recorded = dict(props.get(VARIABLES) or {})
    seen[VARIABLES] = {
        name: value if values[name] is None else values[name] for name, value in recorded.items() if name in values
    }
    return {key: value for key, value in seen.items() if value is not None}


def _outputs(props: Props, live: Mapping[str, Any], *, deployment_id: str) -> Props:
    managed = dict(props.get(VARIABLES) or {})
    strangers = sorted(name for name in live_variables(live) if name not in managed)
    # What has a source that is no input deploys as well: the next preview has to know.
    others = sourced({}, live) and not (props.get("image") or props.get("repo"))
    kept = {key: value for key, value in props.items() if key not in (NOT_RUNNING, SOURCED, UNMANAGED_FIELDS)}
    fields = sorted(name for name in live_fields(live) if kept.get(name) is None)
    return {
        **kept,
        **({SOURCED: True} if others else {}),
        **({UNMANAGED_FIELDS: fields} if fields else {}),
        "deploymentId": deployment_id,
        UNMANAGED: strangers,
    }


class ServiceInstance(Resource, module="railway", name="ServiceInstance"):
    """The deployed configuration of a service in one environment."""

    deploymentId: pulumi.Output[str]
    image: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceInstanceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            ServiceInstanceProvider(), name, {**args.properties(), "deploymentId": None, "unmanaged": None}, opts
        )

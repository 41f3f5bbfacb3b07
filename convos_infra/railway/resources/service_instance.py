"""`ServiceInstance`: the deployed configuration of a service in one environment. One patch, one deployment.

Source, deploy settings and variables are sent in one `environmentPatchCommit`, which starts one deployment
(fact: patch-one-deployment). With a call for each, a deployment may start before its variables are stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.provider import Props, has_unknown, is_unknown
from convos_infra.railway import bound, live_change, sealing
from convos_infra.railway import change as changes
from convos_infra.railway.bound import BOUND
from convos_infra.railway.bring import bring, bring_all
from convos_infra.railway.change import ANNOUNCED, REBINDS, REDEPLOYS, REMOVES, RERENDERS, REVIVES, SOURCED, Change
from convos_infra.railway.commit import sourced
from convos_infra.railway.declaring import with_stored
from convos_infra.railway.environment_config import (
    FIELDS,
    SEALED,
    VARIABLES,
    changed_fields,
    live_fields,
    live_variables,
    same,
)
from convos_infra.railway.patch_plan import SEEN, UNMANAGED, UNMANAGED_FIELDS
from convos_infra.railway.reference_check import preview_failures, rerendered
from convos_infra.railway.resources.properties import difference, inputs_of
from convos_infra.railway.resources.service_instance_args import (
    INPUTS,
    PARENT,
    ServiceInstanceArgs,
    failures,
    forgotten,
    sealing_failures,
    unknown_failures,
)
from convos_infra.railway.resources.service_takeover import removes_others, taken_over
from convos_infra.railway.resources.unknown_secrets import refuse_unknown_secrets
from convos_infra.railway.sealing import SEALED_LEFT
from convos_infra.railway.service_configuration import AS_FOUND
from convos_infra.railway.service_reads import REST_SECONDS
from convos_infra.railway.session import RailwayProvider
from convos_infra.railway.snapshot import Gone
from convos_infra.railway.snapshots import FRESH_SECONDS

NOT_RUNNING, NOT_SERVING, NOT_BOUND = "notRunning", "notServing", "notBound"
"""What a refresh saw: the names of what is stored but does not run, the condition of a service that does not serve, and
the parts that are no longer bound to it. The next preview announces the deployment that repairs it."""
FOUND = "foundDeploymentId"
"""The deployment of a service at the time when it was taken over as found: its faults do not count as drift."""
SAW = (SEEN, NOT_RUNNING, NOT_SERVING, NOT_BOUND)
_FROM_MARKS = (REMOVES, REDEPLOYS, REVIVES, RERENDERS, REBINDS)
_ADDED = (*_FROM_MARKS, SOURCED, BOUND, *ANNOUNCED, "adopts")
_OUTPUTS = ("deploymentId", UNMANAGED)
_INPUTS = (*INPUTS, UNMANAGED_FIELDS, *_ADDED)
_READ = ("image",)
"""The inputs that programs read from the resource, in addition to its outputs."""


class ServiceInstanceProvider(RailwayProvider):
    """Applies the declared configuration to a service."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check every property, and announce the cost of the change: `1 deployment: image, 2 variables (A, B)`."""
        olds = forgotten(olds, news)
        problems = unknown_failures(news, (*_ADDED, UNMANAGED_FIELDS, *SAW, *_OUTPUTS))
        problems += failures(news) + sealing_failures(olds, news)
        if problems:
            return news, problems
        checked, change = self._costed(olds, news)
        self.declaring().instance(self._with_stored(olds, news), checked, changes=not olds or not change.is_empty)
        self._expect(news, changes=not olds or not change.is_empty)
        looks = bool(change.deployments or olds.get(NOT_RUNNING))
        looks = looks or (olds.get(VARIABLES) or {}) != (news.get(VARIABLES) or {})
        if not olds and checked.get(AS_FOUND) and checked.get("adopts") and change.is_empty:
            # A reference without a target was broken before this stack took the service over.
            return checked, []
        dead = preview_failures(self.session, self.declaring(), checked, looks=looks)
        if change.deployments and not dead:
            self.session().announce_deployment(str(news["service"]), change.because)
        return checked, dead

    def _expect(self, news: Props, *, changes: bool) -> None:
        """Note whether Pulumi will send a change, for the group commit of the environment and the budget of calls."""
        self.count_change(is_one=changes)
        if self.run() is None or has_unknown([news["environmentId"], news["service"]]):
            return
        group = self.session().group(bring_all, str(news["environmentId"]))
        (group.expect if changes else group.drop)(str(news["service"]))

    def _costed(self, olds: Props, news: Props) -> tuple[Props, Change]:
        """Return the inputs with what the change costs, and the change."""
        is_known = not has_unknown([news[key] for key in PARENT])
        if not olds and is_known:
            # A service that this process has made is empty until it is configured.
            age = REST_SECONDS if news["serviceId"] in self.session().made else FRESH_SECONDS
            snapshot = self.session().living(news, subject=news["service"], age=age)
            live = snapshot.service(news["serviceId"]) or {}
            if live_fields(live) or live_variables(live):
                refuse_unknown_secrets(news, live)
                news, change = taken_over(self.session(), news, snapshot)
                return {**news, **changes.announcement(olds, change)}, change
        if olds:
            news = self._marked(olds, news, is_known=is_known)
        change = changes.recorded(olds, news)
        if change.is_empty:
            return {**news, **changes.kept_announcement(olds)}, change
        if olds and is_known:
            change = live_change.narrowed(self.session(), olds, news, change)
            if not change.deployments:
                # What the refresh saw was repaired since then, or other changes of this update repair it.
                news = {key: value for key, value in news.items() if key not in (REDEPLOYS, REVIVES, RERENDERS)}
        return {**news, **changes.announcement(olds, change)}, change

    def _marked(self, olds: Props, news: Props, *, is_known: bool) -> Props:
        """Add to the inputs what the last refresh saw, and what the running deployment does not have yet."""
        kept = {key: olds[key] for key in ("adopts", SOURCED) if olds.get(key)}
        strangers = [name for name in olds.get(SEEN) or () if name not in (news.get(VARIABLES) or {})]
        if strangers and not removes_others(news):
            kept[SEEN] = strangers
        marks = {
            REMOVES: (olds.get(SEEN) or []) if removes_others(news) else [],
            REDEPLOYS: olds.get(NOT_RUNNING),
            REVIVES: olds.get(NOT_SERVING),
            RERENDERS: rerendered(self.session, self.declaring(), self._with_stored(olds, news), news)
            if is_known
            else [],
            REBINDS: self._rebound(olds, news, is_known=is_known) if news.get(BOUND) else [],
        }
        return {**news, **kept, **{key: value for key, value in marks.items() if value}}

    def _with_stored(self, olds: Props, news: Props) -> Mapping[str, Any]:
        if has_unknown([news[key] for key in PARENT]):
            return olds
        service_id = str(news["serviceId"])
        return with_stored(
            olds, news, lambda: self.session().living(news, subject=news["service"]).service(service_id) or {}
        )

    def _rebound(self, olds: Props, news: Props, *, is_known: bool) -> list[str]:
        session = self.session()
        looks = is_known and has_unknown(news[BOUND])
        snapshot = session.living(news, subject=news["service"]) if looks else None
        places = {str(place) for place in bound.rebound(olds, news, snapshot, session.anew)}
        return sorted(places | (set(olds.get(NOT_BOUND) or ()) & bound.told(news)))

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare property by property, Railway's defaults counting as absent.

        A refresh calls this too, with what it read and the inputs in the state (decision 10, inputs that check adds):
        what they announced to remove is already removed, and what the refresh saw is not an input yet.
        """
        del id_
        seen = any((olds.get(key) or []) != (news.get(key) or []) for key in SAW)
        plain = difference(olds, news, ("service", "unmanagedVariables"), PARENT)
        fields = any(
            is_unknown(news.get(field.name)) or not same(field, olds.get(field.name), news.get(field.name))
            for field in FIELDS
        )
        variables = any((olds.get(key) or None) != (news.get(key) or None) for key in (VARIABLES, SEALED))
        return DiffResult(
            changes=bool(plain.changes) or fields or variables or seen or changes.is_announced(olds, news),
            replaces=plain.replaces,
            stables=[],
            delete_before_replace=plain.delete_before_replace,
        )

    def created(self, props: Props) -> CreateResult:
        """Apply the inputs to a new or taken-over service; nothing is sent if it has them already."""
        outputs = self._applied(recorded={}, wanted=props, deployment_id="")
        if props.get(AS_FOUND) and outputs["deploymentId"] not in self.session().fresh:
            outputs[FOUND] = outputs["deploymentId"]
        return CreateResult(f"{props['environmentId']}/{props['serviceId']}", outputs)

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Apply the new inputs, unless somebody changed the service since the state was written."""
        del id_
        before = str(olds.get("deploymentId") or "")
        return UpdateResult(self._applied(recorded=forgotten(olds, news), wanted=news, deployment_id=before))

    def _applied(self, *, recorded: Props, wanted: Props, deployment_id: str) -> Props:
        session = self.session()
        snapshot = bring(session, recorded, wanted)
        session.updated.add(str(wanted["serviceId"]))
        latest = snapshot.latest_deployment(wanted["serviceId"])
        found = latest.id if latest is not None else ""
        live = snapshot.service(wanted["serviceId"]) or {}
        outputs = _outputs(wanted, live, deployment_id=found or deployment_id)
        outputs[SEALED_LEFT] = sealing.left_by(recorded, wanted, live_variables(live))
        if FOUND in recorded and recorded[FOUND] == outputs["deploymentId"]:
            outputs[FOUND] = recorded[FOUND]
        if outputs[UNMANAGED] and removes_others(wanted):
            names = ", ".join(outputs[UNMANAGED])
            text = f"kept, because the preview did not list them: {names}; pulumi refresh records them for the next one"
            session.client.progress(f"{wanted['service']}: {text}")
        return outputs

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read what is managed here, so that drift shows property by property."""
        session = self.session()
        try:
            snapshot = session.refreshed(props, subject=props["service"])
        except Gone:
            return ReadResult("", {})
        live = snapshot.service(props["serviceId"])
        if live is None:
            return ReadResult("", {})
        if sealed := sealing.by_others(props, live_variables(live)):
            session.client.progress(sealing.line(str(props["service"]), sealed))
        seen = _seen(props, live)
        latest = snapshot.latest_deployment(props["serviceId"])
        outputs = _outputs(seen, live, deployment_id=latest.id if latest is not None else "")
        running = live_change.running_of(session, seen, snapshot)
        places = {str(place) for place in bound.missing(props, snapshot)}
        if latest is not None and latest.id == props.get("deploymentId"):
            # Mounted again since the last refresh, but not deployed: what runs still does not have it.
            places |= set(props.get(NOT_BOUND) or ()) & bound.told(props)
        found = {
            SEEN: outputs[UNMANAGED],
            NOT_RUNNING: list(running.idle),
            NOT_SERVING: str(running.condition) if running.condition.needs_deployment else "",
            NOT_BOUND: sorted(places),
        }
        if FOUND in props and props[FOUND] == outputs["deploymentId"]:
            found = {key: found[key] for key in (SEEN, NOT_BOUND)}
        found = {key: value for key, value in found.items() if value}
        outputs = {key: value for key, value in outputs.items() if key not in SAW}
        return ReadResult(id_, {**outputs, **found}, {**inputs_of(outputs, _INPUTS), **found})

    def deleted(self, id_: str, props: Props) -> None:
        """Do nothing: the configuration is deleted together with its `Service`."""
        del id_
        self.session().assert_readable(props, subject=props["service"])


def _seen(props: Props, live: Mapping[str, Any]) -> Props:
    """Return the properties with what Railway has now for each that is managed."""
    fields = live_fields(live)
    changed = {name: fields.get(name) for name in changed_fields(props, live)}
    seen = {**props, **changed, **sealing.read(props, live_variables(live))}
    return {key: value for key, value in seen.items() if value is not None}


def _outputs(props: Props, live: Mapping[str, Any], *, deployment_id: str) -> Props:
    managed = dict(props.get(VARIABLES) or {})
    strangers = sorted(name for name in live_variables(live) if name not in managed)
    # A service whose source is not an input deploys as well, and the next preview has to know that.
    others = sourced({}, live) and not (props.get("image") or props.get("repo"))
    added = (NOT_RUNNING, NOT_SERVING, NOT_BOUND, SOURCED, UNMANAGED_FIELDS)
    kept = {key: value for key, value in props.items() if key not in added}
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
        # Pulumi makes an output of every property, also of one that is None, and a program waits for all outputs in
        # rounds (pulumi/runtime/stack.py, wait_for_rpcs): its CPU time grows with the square of their number.
        given = {key: value for key, value in args.properties().items() if value is not None or key in _READ}
        super().__init__(ServiceInstanceProvider(), name, {**given, **dict.fromkeys(_OUTPUTS)}, opts)

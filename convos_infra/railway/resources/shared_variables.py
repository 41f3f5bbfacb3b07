"""`SharedVariables`: an environment's shared variables; services use them as `${{shared.NAME}}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.provider import Props, has_unknown
from convos_infra.railway import patch_plan
from convos_infra.railway.environment_config import VARIABLES, live_variables
from convos_infra.railway.resources.properties import (
    difference,
    id_failures,
    inputs_of,
    refuse_lost,
    variable_failures,
)
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Gone, Snapshot
from railway_api import documents

_INPUTS = ("projectId", "environmentId", VARIABLES, "overwriteChanges", "adopts")
_THING = "shared variables"


@dataclass(frozen=True)
class SharedVariablesArgs:
    """The inputs of `SharedVariables`.

    Attributes:
        project_id, environment_id: where.
        variables: name -> value; other names are somebody else's and stay.
        overwrite_changes: whether values that somebody changed since the last update are overwritten.
    """

    project_id: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    variables: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    overwrite_changes: bool = False


class SharedVariablesProvider(RailwayProvider):
    """Brings the shared variables that it knows to their values; no service is deployed for it."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check names and values; before the first update say which of somebody's values it will replace."""
        failures = id_failures(news, "projectId", "environmentId") + variable_failures(VARIABLES, news.get(VARIABLES))
        if olds.get("adopts"):
            news = {**news, "adopts": olds["adopts"]}
        elif not failures and not olds and not has_unknown(news):
            live = _as_service(self.session().living(news, thing=_THING))
            there = [name for name in news.get(VARIABLES) or {} if name in live_variables(live)]
            changed = [name for name in patch_plan.plan({}, _variables_of(news), live).variables if name in there]
            if there:
                what = f"changes {', '.join(changed)}" if changed else "changes nothing"
                news = {**news, "adopts": f"{', '.join(sorted(there))}: {what}"}
        self.declaring().shared(olds, news)
        return news, failures

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Values change in place."""
        del id_
        return difference(olds, news, (VARIABLES,), ("projectId", "environmentId"))

    def created(self, props: Props) -> CreateResult:
        """Set what is not there yet."""
        self._bring({}, props)
        return CreateResult(f"{props['environmentId']}/shared", props)

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Set what changed, remove what was taken out."""
        del id_
        self._bring(olds, news)
        return UpdateResult(news)

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read the values of the names that are managed here."""
        try:
            snapshot = self.session().read(props, thing=_THING)
        except Gone:
            return ReadResult("", {})
        live = live_variables(_as_service(snapshot))
        kept = {name: live[name] for name in props.get(VARIABLES) or {} if name in live and live[name] is not None}
        seen = {**props, VARIABLES: kept}
        return ReadResult(id_, seen, inputs_of(seen, _INPUTS))

    def deleted(self, id_: str, props: Props) -> None:
        """Remove the names that are managed here."""
        del id_
        try:
            self.session().read(props, thing=_THING, fresh=True)
        except Gone:
            return
        self._bring(props, {**props, VARIABLES: {}})

    def _bring(self, recorded: Props, wanted: Props) -> None:
        session = self.session()
        with session.snapshots.writing(wanted["environmentId"]):
            live = _as_service(session.living(wanted, thing=_THING, fresh=bool(recorded)))
            plan = patch_plan.plan(_variables_of(recorded), _variables_of(wanted), live)
            if plan.conflicts and not wanted.get("overwriteChanges"):
                names = ", ".join(plan.conflicts)
                raise InfraError(_THING, f"{names} changed outside this stack since the last update", "pulumi refresh")
            if plan.patch:
                _commit(session, wanted, plan)


def _variables_of(props: Props) -> Props:
    return {VARIABLES: props[VARIABLES]} if props.get(VARIABLES) else {}


def _as_service(snapshot: Snapshot) -> Mapping[str, Any]:
    """Shape the shared variables like those of a service, so that one plan serves both."""
    return {VARIABLES: snapshot.config.get("sharedVariables") or {}}


def _commit(session: Session, wanted: Props, plan: patch_plan.Plan) -> None:
    variables = {
        "environmentId": wanted["environmentId"],
        "patch": {"sharedVariables": plan.patch[VARIABLES]},
        "message": f"{_THING}: {', '.join(plan.variables)}"[:200],
    }

    def seen() -> bool | None:
        live = _as_service(session.living(wanted, thing=_THING, fresh=True))
        return None if patch_plan.plan({}, _variables_of(wanted), live).patch else True

    session.client.mutate(documents.PATCH_COMMIT, variables, thing=_THING, observe=seen)
    refuse_lost(_THING, ", ".join(plan.variables), session.until(seen))


class SharedVariables(Resource, module="railway", name="SharedVariables"):
    """The shared variables of an environment that this stack manages."""

    def __init__(self, name: str, args: SharedVariablesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            SharedVariablesProvider(),
            name,
            {
                "projectId": args.project_id,
                "environmentId": args.environment_id,
                VARIABLES: args.variables,
                "overwriteChanges": args.overwrite_changes or None,
            },
            opts,
        )

"""`SharedVariables`: an environment's shared variables; services use them as `${{shared.NAME}}`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import ADOPTS, OWNED, is_owned
from convos_infra.provider import Props, has_unknown
from convos_infra.railway import patch_plan, sealing
from convos_infra.railway.environment_config import VARIABLES, live_variables
from convos_infra.railway.patch_plan import UNMANAGED, UNSEEN_CHANGE
from convos_infra.railway.resources.properties import (
    difference,
    id_failures,
    inputs_of,
    refuse_lost,
    variable_failures,
)
from convos_infra.railway.sealing import SEALED_LEFT
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Gone, Snapshot
from railway_api import documents

ENVIRONMENT_OWNED = "environmentOwned"
TAKEN_OVER = "takenOver"
"""The names of the variables that existed before the first update: a destroy keeps them, with their current values."""
_INPUTS = ("projectId", "environmentId", VARIABLES, "overwriteChanges", ENVIRONMENT_OWNED, ADOPTS, TAKEN_OVER)
_SUBJECT = "shared variables"


@dataclass(frozen=True)
class SharedVariablesArgs:
    """The inputs of `SharedVariables`.

    Attributes:
        project_id, environment_id: the environment.
        variables: name -> value; variables with other names belong to somebody else and are kept.
        overwrite_changes: whether values that somebody changed since the last update are overwritten.
        environment_owned: whether this stack made the environment; None if that is not known.
    """

    project_id: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    variables: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    overwrite_changes: bool = False
    environment_owned: pulumi.Input[bool | None] = None


class SharedVariablesProvider(RailwayProvider):
    """Sets the declared shared variables; no service is deployed for that."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check names and values; before the first update, announce which existing values will be replaced."""
        failures = id_failures(news, "projectId", "environmentId") + variable_failures(VARIABLES, news.get(VARIABLES))
        kept = {key: olds[key] for key in (ADOPTS, TAKEN_OVER) if olds.get(key)}
        if kept:
            news = {**news, **kept}
        elif not failures and not olds and not has_unknown({**news, ENVIRONMENT_OWNED: None}):
            live = _as_service(self.session().living(news, subject=_SUBJECT))
            there = [name for name in news.get(VARIABLES) or {} if name in live_variables(live)]
            changed = [name for name in patch_plan.plan({}, _variables_of(news), live).variables if name in there]
            if there:
                theirs = _theirs({}, news, live_variables(live))
                what = f"changes {', '.join(changed)}" if changed else "changes nothing"
                news = {**news, ADOPTS: f"{', '.join(sorted(there))}: {what}", TAKEN_OVER: theirs}
        self.declaring().shared(olds, news)
        return news, failures

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Values change in place."""
        del id_
        return difference(olds, news, (VARIABLES,), ("projectId", "environmentId"))

    def created(self, props: Props) -> CreateResult:
        """Set the variables that are missing or have other values."""
        live = self._apply({}, props)
        found = {TAKEN_OVER: _theirs({}, props, live), SEALED_LEFT: sealing.left_by({}, props, live)}
        return CreateResult(f"{props['environmentId']}/shared", {**props, **found})

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Set what changed, and remove what the inputs no longer have, unless it existed before the first update."""
        del id_
        snapshot = self.session().living(news, subject=_SUBJECT)
        before = set(_found_before(olds, snapshot))
        left = before - set(news.get(VARIABLES) or {})
        live = self._apply(_without(olds, left), news)
        found = sorted({*before, *_theirs(olds, news, live)} - left)
        return UpdateResult({**news, TAKEN_OVER: found, SEALED_LEFT: sealing.left_by(_known(olds), news, live)})

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read the values of the names that are managed here."""
        try:
            snapshot = self.session().refreshed(props, subject=_SUBJECT)
        except Gone:
            return ReadResult("", {})
        live = live_variables(_as_service(snapshot))
        if sealed := sealing.by_others(_known(props), live):
            self.session().client.progress(sealing.line(_SUBJECT, sealed))
        seen = {**props, **sealing.read(_known(props), live), TAKEN_OVER: _found_before(props, snapshot)}
        kept = seen[VARIABLES]
        # Variables of others are recorded; otherwise declaring one later would be a conflict that no refresh resolves.
        others = sorted(name for name in live if name not in kept)
        seen = {key: value for key, value in seen.items() if key != UNMANAGED} | ({UNMANAGED: others} if others else {})
        return ReadResult(id_, seen, inputs_of(seen, _INPUTS))

    def deleted(self, id_: str, props: Props) -> None:
        """Remove the variables that this stack has added; keep those that existed before."""
        del id_
        try:
            snapshot = self.session().read(props, subject=_SUBJECT, fresh=True)
        except Gone:
            return
        theirs = set(_found_before(props, snapshot)) & set(props.get(VARIABLES) or {})
        subject = f"{_SUBJECT} {', '.join(sorted(theirs))}"
        if theirs and not self.leaves({**props, OWNED: False}, subject, otherwise=False, holds=True):
            theirs = set()
        ours = _without(props, theirs)
        if ours[VARIABLES]:
            self.guard(props, _SUBJECT)
            self._apply(ours, {**props, VARIABLES: {}})

    def _apply(self, recorded: Props, wanted: Props) -> Mapping[str, Any]:
        """Apply the wanted variables; return those that existed before."""
        session = self.session()
        with session.snapshots.writing(wanted["environmentId"]):
            live = _as_service(session.living(wanted, subject=_SUBJECT, fresh=bool(recorded)))
            plan = patch_plan.plan(_variables_of(_known(recorded)), _variables_of(wanted), live)
            if plan.conflicts and not wanted.get("overwriteChanges"):
                names = ", ".join(plan.conflicts)
                raise InfraError(_SUBJECT, f"{names} changed outside this stack since the last update", UNSEEN_CHANGE)
            if plan.patch:
                _commit(session, wanted, plan)
        return live_variables(live)


def _theirs(recorded: Props, wanted: Props, live: Mapping[str, Any]) -> list[str]:
    """Return which of the wanted names somebody else has set: those that exist and are not in the state.

    In an environment that this stack made, a variable with the wanted value counts as set by an interrupted update.
    """
    ours = recorded.get(VARIABLES) or {}
    is_own = wanted.get(ENVIRONMENT_OWNED) is True
    values = wanted.get(VARIABLES) or {}
    return sorted(
        name for name in values if name in live and name not in ours and not (is_own and live[name] == values[name])
    )


def _found_before(props: Props, snapshot: Snapshot) -> list[str]:
    """Return the names that existed before the first update; if an old state does not record them, all or none."""
    if TAKEN_OVER in props:
        return list(props[TAKEN_OVER] or ())
    return [] if is_owned(props, otherwise=snapshot.is_fork) else sorted(props.get(VARIABLES) or {})


def _without(props: Props, names: Collection[str]) -> Props:
    kept = {name: value for name, value in (props.get(VARIABLES) or {}).items() if name not in names}
    return {**props, VARIABLES: kept}


def _variables_of(props: Props) -> Props:
    kept = {SEALED_LEFT: props[SEALED_LEFT]} if SEALED_LEFT in props else {}
    return {key: props[key] for key in (VARIABLES, UNMANAGED) if props.get(key)} | kept


def _known(recorded: Props) -> Props:
    """Return the recorded properties with what was sealed: in an old state, at most what was taken over."""
    return {SEALED_LEFT: recorded.get(TAKEN_OVER) or (), **recorded} if recorded else recorded


def _as_service(snapshot: Snapshot) -> Mapping[str, Any]:
    """Shape the shared variables like those of a service, so that one plan serves both."""
    return {VARIABLES: snapshot.config.get("sharedVariables") or {}}


def _commit(session: Session, wanted: Props, plan: patch_plan.Plan) -> None:
    variables = {
        "environmentId": wanted["environmentId"],
        "patch": {"sharedVariables": plan.patch[VARIABLES]},
        "message": f"{_SUBJECT}: {', '.join(plan.variables)}"[:200],
    }

    def seen() -> bool | None:
        live = _as_service(session.living(wanted, subject=_SUBJECT, fresh=True))
        return None if patch_plan.plan({}, _variables_of(wanted), live).patch else True

    session.client.mutate(documents.PATCH_COMMIT, variables, subject=_SUBJECT, observe=seen)
    refuse_lost(_SUBJECT, ", ".join(plan.variables), session.until(seen))


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
                ENVIRONMENT_OWNED: args.environment_owned,
            },
            opts,
        )

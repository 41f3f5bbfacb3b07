"""`AgentRollout`: moves living agents to a new image or policy. The preview shows the plan, `up` waits.

The module path and the class names are part of the state's format.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import SERVICE_OWNED, policy
from convos_infra.provider import has_unknown, is_unknown
from convos_infra.railway.session import RailwayProvider
from convos_infra.railway.snapshot import Gone
from convos_infra.rollout.abilities import (
    abilities,
    can_be_closed,
    check_reach,
    refuse_unfit_token,
    refuse_without_rollouts,
    wait_until_answering,
)
from convos_infra.rollout.pool_place import PLACE, pool_at
from convos_infra.rollout.retire_on_destroy import drain, on_destroy, refuse_if_in_use, retire
from convos_infra.rollout.waiting import ROLLING, Outcome, Wait, wait
from railway_api.failure import Failure
from railway_api.progress import say

if TYPE_CHECKING:
    from convos_infra.provider import Props
    from convos_infra.railway.resources.service_at import ServiceAt
    from convos_infra.rollout.pool_api import PoolApi

IMAGE, POLICY = "RAILWAY_RUNTIME_IMAGE", "POOL_ROLLOUT_POLICY"
HOLD = "hold"
SIMULATED = "simulated"
NOBODY = "the pool manager is simulated here, so no agent runs: nothing to roll out"
AGENT_PREFIX = "convos-agent-"
"""The prefix of agents' services if the state of an older release does not contain it."""
MADE = "madeToken"
PLAN, BATCHES = "plan", "planBatches"
"""The announcement: as lines for people, and how many agents move in each batch. The comparison of two previews
(ops/ci/reviewed.py) ignores properties whose names begin with `plan`, because agents come and go."""
_ANNOUNCED = (PLAN, BATCHES)
_INPUTS = ("url", "apiKey", "mode", "variables", "waitSeconds", SERVICE_OWNED, "agentPrefix", MADE, *_ANNOUNCED, *PLACE)


@dataclass(frozen=True)
class AgentRolloutArgs:
    """The inputs of an `AgentRollout`.

    Attributes:
        at: the pool manager's service. Its current URL is read from Railway before its key is sent.
        url: the pool manager's URL.
        api_key: its bearer key.
        mode: `simulated` if no container runs.
        variables: the pool manager's variables for image and policy, with which the plan is requested.
        wait_seconds: how long an update waits for the rollout at most, in seconds.
        service_owned: whether this stack made the pool manager's service; None if that is unknown.
        agent_prefix: the prefix of agents' services.
        made_token: whether the pool manager's Railway token is a project token that the stack makes.
    """

    at: ServiceAt
    url: pulumi.Input[str]
    api_key: pulumi.Input[str] = field(repr=False)
    mode: pulumi.Input[str]
    variables: Mapping[str, pulumi.Input[str]]
    wait_seconds: int
    service_owned: pulumi.Input[bool | None] = None
    agent_prefix: str = ""
    made_token: bool = False


class AgentRolloutProvider(RailwayProvider):
    """Requests the plan from the pool manager, and waits for the rollout."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Add a new plan if the image or the policy changes; otherwise keep the text of the last one."""
        seconds = news.get("waitSeconds")
        if not is_unknown(seconds) and not (isinstance(seconds, int | float) and seconds >= 0):
            return news, [CheckFailure("waitSeconds", f"must be 0 seconds or more, not {seconds!r}")]
        made_token = news.get(MADE) is True
        if olds and olds.get("variables") == news.get("variables"):
            return {**news, PLAN: olds.get(PLAN) or [], **({BATCHES: olds[BATCHES]} if olds.get(BATCHES) else {})}, []
        return {**news, **self._plan(olds, news, made_token=made_token)}, []

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """A new image or policy is a new rollout; an unfinished rollout is waited for again."""
        del id_
        differs = has_unknown(news.get("variables")) or olds.get("variables") != news.get("variables")
        left = olds.get("state") == ROLLING
        # A new URL or key of the pool manager does not start a rollout, but the next plan needs it.
        moved = any(is_unknown(news.get(key)) or olds.get(key) != news.get(key) for key in ("url", "apiKey", "mode"))
        return DiffResult(changes=differs or left or moved, replaces=[], stables=[], delete_before_replace=False)

    def created(self, props: Props) -> CreateResult:
        """Wait for the rollout. An interrupted destroy has closed the pool, so it is opened again."""
        if api := self._api(props):
            with contextlib.suppress(InfraError):
                api.reopen()
        return CreateResult("agents", self._waited(props))

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Wait for the new rollout."""
        del id_, olds
        return UpdateResult(self._waited(news))

    def current(self, id_: str, props: Props) -> ReadResult:
        """Return what is in the state: agents are created and deleted all the time, which is not drift."""
        return ReadResult(id_, props, {key: props[key] for key in _INPUTS if props.get(key) is not None})

    def deleted(self, id_: str, props: Props) -> None:
        """Delete the agents while there is still a pool manager that knows which of them are claimed.

        The agents of a pool manager that was taken over belong to it, so they are kept.

        Raises:
            InfraError: an agent is claimed, and `agentsOnDestroy` does not allow its deletion.
        """
        del id_
        api, wanted = self._api(props), on_destroy(self.setting, os.environ)
        if api is None or self._is_gone(props):
            return
        owned = True if policy(self.setting, os.environ).adopted else props.get(SERVICE_OWNED)
        if owned is False:
            say("keeps the agents: their pool manager was taken over, so this stack did not make it")
        elif owned is None:
            # A state of an older release: closing a pool that belongs to others would do more harm.
            refuse_if_in_use(api, wanted, str(props.get("agentPrefix") or AGENT_PREFIX))
            say("keeps the idle agents: the state does not tell who owns their pool manager")
        elif can_be_closed(api):
            retire(api, wanted, say)
        else:
            drain(api, wanted, str(props.get("agentPrefix") or AGENT_PREFIX), say)

    def _waited(self, props: Props) -> Props:
        variables = props["variables"]
        if props.get("mode") == SIMULATED:
            outcome = Outcome(SIMULATED, NOBODY)
            say(f"agents: {NOBODY}")
            return {**props, "state": outcome.state, "text": outcome.text}
        api = self.pool(props, str(props["url"]), str(props["apiKey"]), settle=True)
        check(api, str(variables.get(POLICY) or HOLD), made_token=props.get(MADE) is True)
        if variables.get(POLICY, HOLD) == HOLD:
            # Nothing will happen, so nothing is waited for.
            outcome = Outcome("held", str((props.get(PLAN) or ["policy hold: nothing is touched"])[0]))
        else:
            how = Wait(float(props["waitSeconds"]), say)
            outcome = wait(api, variables[IMAGE], variables[POLICY], how)
        return {**props, "state": outcome.state, "text": outcome.text}

    def _api(self, props: Props) -> PoolApi | None:
        """Return the pool manager; None if none runs."""
        url, key = props.get("url"), props.get("apiKey")
        if not url or not key or props.get("mode") == SIMULATED:
            return None
        return self.pool(props, str(url), str(key))

    def _is_gone(self, place: Props) -> bool:
        """Tell whether the environment is gone, and its agents with it."""
        try:
            if place.get("environmentId"):
                self.session().read(place, subject="agents")
        except Gone:
            return True
        return False

    def pool(self, place: Props, recorded: str, key: str, *, settle: bool = False) -> PoolApi:
        """Return a client of the pool manager at the current URL of its service on Railway.

        Args:
            place: the ids of its service.
            recorded: its last known URL.
            key: its bearer key.
            settle: whether it was just deployed, so that reads may lag behind.
        """
        return pool_at(self.session(), place, recorded, key, settle=settle)

    def _plan(self, olds: Props, news: Props, *, made_token: bool) -> Props:
        """Ask for the plan, and return it as inputs; the pool manager that runs now knows the agents.

        Raises:
            InfraError: it cannot do what the stack needs.
        """
        mode = olds.get("mode") if is_unknown(news.get("mode")) else news.get("mode")
        if mode == SIMULATED:
            return {PLAN: [NOBODY]}
        variables = news.get("variables") or {}
        if has_unknown(variables):
            return {PLAN: ["the image is known once it is built: no plan yet"]}
        url, key = (olds.get(name) if is_unknown(news.get(name)) else news.get(name) for name in ("url", "apiKey"))
        if not url or not key or has_unknown([news.get(name) for name in PLACE]):
            return {PLAN: ["the pool manager does not exist yet: no plan"]}
        try:
            api = self.pool(news, str(url), str(key))
            found = abilities(api)
        except Failure as error:
            return {PLAN: [f"no plan: {error}"]}
        refuse_unfit_token(found, made_token=made_token)
        refuse_without_rollouts(found, str(variables.get(POLICY) or HOLD), HOLD)
        if not found.rollouts:
            told = f"policy hold: this pool manager (version {found.version}) has no rollouts"
            return {PLAN: [f"{told}: every agent stays as it is"]}
        try:
            planned = api.plan(variables)
        except Failure as error:
            # The preview continues: a pool manager that is down must not prevent the deployment of a fixed one.
            return {PLAN: [f"no plan: {error}"]}
        batches = [len(batch.get("agents") or ()) for batch in planned.get("batches") or []]
        lines = [str(line) for line in planned.get("lines") or []]
        return {PLAN: lines, **({BATCHES: batches} if batches else {})}


def check(api: PoolApi, policy: str, *, made_token: bool) -> None:
    """Check that the deployed pool manager has the needed abilities and reaches Railway and its database.

    Raises:
        InfraError: it lacks one, or does not reach them.
    """
    found = wait_until_answering(api)
    refuse_unfit_token(found, made_token=made_token)
    refuse_without_rollouts(found, policy, HOLD)
    check_reach(api, found)


class AgentRollout(Resource, module="convos", name="AgentRollout"):
    """The rollout of an image over the living agents of one environment."""

    plan: pulumi.Output[Sequence[str]]
    state: pulumi.Output[str]
    text: pulumi.Output[str]

    def __init__(self, name: str, args: AgentRolloutArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        properties: dict[str, Any] = {
            **{key: value for key, value in args.at.properties().items() if key in PLACE},
            "url": args.url,
            "apiKey": pulumi.Output.secret(args.api_key),
            "mode": args.mode,
            "variables": dict(args.variables),
            "waitSeconds": args.wait_seconds,
            SERVICE_OWNED: args.service_owned,
            "agentPrefix": args.agent_prefix or None,
            MADE: args.made_token or None,
            PLAN: None,
            "state": None,
            "text": None,
        }
        super().__init__(AgentRolloutProvider(), name, properties, opts)

"""The operations of the routes, with the parsed body and the id in the path."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pool_contract import answers, requests
from pool_contract.events import Event, Events
from pool_contract.join_link import join_link_problem

from . import listing
from .act import Act
from .errors import BadRequestError, ConflictError, NoIdleAgentError, NotFoundError, PoolError, SettingsError
from .rollout import Rollout
from .rollout_plan import plan, plan_lines
from .settings import IMAGE, image_and_policy

if TYPE_CHECKING:
    from pool_contract.policy import Policy

    from .serve import Service

CAPABILITIES = [
    "abort",
    "claim",
    "credentials",
    "events",
    "finish",
    "kill",
    "plan",
    "redeploy",
    "redeploy-claimed",
    "reopen",
    "retire",
    "rollout",
]
ROUND_SECONDS = 15.0
"""How long, in seconds, a request waits until a running round has ended, before it runs one itself."""
CALLS_SECONDS = 30.0
"""How long, in seconds, a round that a request runs may call Railway, so that the request takes less than a minute."""


class Routes:
    """The operations of the routes.

    Args:
        service: the pool manager.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pool = service.pool

    def version(self) -> answers.Version:
        """Return the version and the capabilities of this pool manager."""
        service = self._service
        return answers.Version(
            version=service.version,
            environment=service.settings.environment,
            revision=service.revision,
            capabilities=CAPABILITIES,
            schemaVersion=service.schema_version,
        )

    def counts(self) -> answers.Counts:
        """Return how many agents are in each state."""
        return listing.counts(self._service)

    def agents(self, *, with_details: bool) -> answers.Agents:
        """Return claimed and crashed agents."""
        return listing.claimed_and_crashed(self._service, with_details=with_details)

    def status(self, _body: requests.EmptyRequest, _id: str) -> answers.PoolStatus:
        """Return every agent, the counts, the rollout and the state of the database."""
        return listing.status(self._service)

    def claim(self, body: requests.ClaimRequest, _id: str) -> answers.Claimed:
        """Hand out an agent."""
        problem = join_link_problem(body.joinUrl, self._service.settings.environment) if body.joinUrl else ""
        if problem:
            raise BadRequestError(f"joinUrl: {problem}")
        return self._counted(body)

    def _counted(self, request: requests.ClaimRequest) -> answers.Claimed:
        """Hand out an agent, and count the outcome for `/metrics`."""
        began, outcome = time.monotonic(), "failed"
        try:
            claimed = self._pool.claim(request)
            outcome = "claimed"
        except NoIdleAgentError:
            outcome = "none-idle"
            raise
        except PoolError as error:
            self._service.tally.failed(error)
            raise
        finally:
            self._service.tally.add("claims", outcome, time.monotonic() - began)
        return claimed

    def events(self, _body: requests.EmptyRequest, _id: str) -> Events:
        """Return the latest acts, the newest first."""
        return Events(
            events=[
                Event(
                    at=datetime.fromtimestamp(one.at, UTC).isoformat(timespec="milliseconds"),
                    act=one.kind,
                    agentId=one.agent_id or None,
                    reason=one.reason,
                )
                for one in self._service.journal.recent()
            ]
        )

    def replenish(self, body: requests.CountRequest, _id: str) -> answers.Replenished:
        """Create agents in addition to the warm ones; without a count, the missing ones."""
        tick, wanted = self._service.tick, body.at_most
        before = tick.made_extra
        if wanted is not None:
            tick.add(wanted)
        made = 0
        try:
            made = len(tick.run(wait_seconds=ROUND_SECONDS, calls_seconds=CALLS_SECONDS).created)
        except ConflictError:
            # Another round takes longer, and creates them.
            if wanted is None:
                raise
        self._service.wake()
        counts = listing.counts(self._service, made)
        if wanted is None:
            return answers.Replenished(counts=counts)
        # The round that this request waited for may have created some of them.
        return answers.Replenished(created=min(wanted, tick.made_extra - before), creating=tick.to_make, counts=counts)

    def drain(self, body: requests.CountRequest, _id: str) -> answers.Drained:
        """Delete idle agents, one by default."""
        gone = self._pool.drain(1 if body.at_most is None else body.at_most)
        return answers.Drained(drained=len(gone), ids=gone, counts=listing.counts(self._service))

    def reconcile(self, _body: requests.EmptyRequest, _id: str) -> answers.Reconciled:
        """Run a round now."""
        done = self._service.tick.run(wait_seconds=ROUND_SECONDS, calls_seconds=CALLS_SECONDS)
        return answers.Reconciled(
            counts=listing.counts(self._service, len(done.created)),
            created=list(done.created),
            removed=list(done.removed),
            rollout=done.rollout,
        )

    def kill(self, _body: requests.EmptyRequest, id_: str) -> answers.Done:
        """Delete an agent, claimed or not, with everything that belongs to it; it may be gone already."""
        self._pool.kill(id_)
        self._service.set_aside.remove(id_)
        return answers.Done()

    def dismiss(self, _body: requests.EmptyRequest, id_: str) -> answers.Done:
        """Delete an agent that has crashed, or whose claim has an unknown outcome; it may be gone already."""
        self._pool.dismiss(id_)
        self._service.set_aside.remove(id_)
        return answers.Done()

    def finish(self, body: requests.FinishRequest, id_: str) -> answers.Finished:
        """Complete an interrupted claim: with the given conversation, else by asking the agent again."""
        agent = self._pool.refresh().agents.get(id_)
        if agent is None:
            raise NotFoundError(f"finish: there is no agent {id_[:40]!r} in this environment")
        if body.conversationId is None:
            found = self._service.recovery.finish(agent)
            conversation, invite = found.id, found.invite_url
        else:
            conversation, invite = body.conversationId, body.inviteUrl or ""
            self._service.recovery.complete(agent, conversation, invite)
        self._pool.note(agent, "claimed")
        self._service.wake()
        return answers.Finished(instanceId=id_, conversationId=conversation, inviteUrl=invite)

    def credentials(self, _body: requests.EmptyRequest, _id: str) -> answers.CredentialList:
        """List agents' keys and inboxes that belong to no agent of this environment."""
        return self._service.sweeper.listed()

    def sweep(self, body: requests.SweepRequest, _id: str) -> answers.Swept:
        """Delete keys and inboxes without an agent: those that this pool recorded, or those with the given ids."""
        return self._service.sweeper.sweep(recorded=body.recorded, ids=body.ids)

    def redeploy(self, body: requests.RedeployRequest, id_: str) -> answers.Redeployed:
        """Give one agent the newest image and the current keys; a claimed one only if the body allows it."""
        return answers.Redeployed(instanceId=id_, image=self._service.redeploying.redeploy(id_, claimed=body.claimed))

    def rollout(self, _body: requests.EmptyRequest, _id: str) -> answers.RolloutAnswer:
        """Return the progress of the rollout, and its remaining batches."""
        settings, step = self._service.settings, self._service.tick.rollout
        planned = self._planned(settings.runtime_image, settings.rollout)
        return answers.RolloutAnswer(
            **planned.model_dump(), state=step.state, text=step.text, problem=self._service.problem
        )

    def plan(self, body: requests.PlanRequest, _id: str) -> answers.RolloutPlan:
        """Return what a pool manager with another image or policy would do with the current agents."""
        strangers = sorted(name for name in body.variables if name != IMAGE and not name.startswith("POOL_ROLLOUT_"))
        if strangers:
            raise BadRequestError(f"variables: {strangers[0][:60]} does not affect a rollout")
        try:
            image, policy = image_and_policy(body.variables)
        except SettingsError as error:
            raise BadRequestError(str(error)) from None
        return self._planned(image, policy)

    def _planned(self, image: str, policy: Policy) -> answers.RolloutPlan:
        snapshot = self._pool.latest or self._pool.refresh()
        living = list(snapshot.agents.values())
        recorded = Rollout(image)
        if policy.kind != "hold" and image == self._service.settings.runtime_image:
            recorded = self._service.rolling.on_record()
        return answers.RolloutPlan(
            policy=policy.kind,
            image=image,
            agents=len(living),
            lines=plan_lines(living, policy, recorded),
            batches=[batch.as_json() for batch in plan(living, policy, recorded)],
        )

    def retire(self, body: requests.RetireRequest, _id: str) -> answers.RetirementReport:
        """Close the pool and delete unclaimed agents."""
        done = self._service.retirement.retire(claimed=body.claimed)
        return answers.RetirementReport(deleted=done.deleted, left=done.left)

    def reopen(self, _body: requests.EmptyRequest, _id: str) -> answers.Reopened:
        """Open the pool again."""
        opened = self._service.retirement.reopen()
        if opened:
            self._service.journal(Act("opened", "the pool is open again"))
        self._service.wake()
        return answers.Reopened(opened=opened)

    def retry(self, _body: requests.EmptyRequest, _id: str) -> answers.Retrying:
        """Start the rollout of an image again after it was stopped."""
        again = self._service.record.retry()
        if again:
            self._service.journal(Act("rollout", "rollout: started again on request"))
        self._service.tick.forgive()
        self._service.wake()
        return answers.Retrying(retrying=again)

    def abort(self, _body: requests.EmptyRequest, _id: str) -> answers.Aborted:
        """Stop the current rollout; its current batch is rolled back."""
        return answers.Aborted(text=self._service.rolling.abort())

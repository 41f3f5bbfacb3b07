"""The bodies of the pool manager's answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["starting", "idle", "claimed", "crashed", "dead", "sleeping"]


class Answer(BaseModel):
    """An answer's body; callers ignore unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON, without missing values."""
        return self.model_dump(mode="json", exclude_none=True)


class Error(Answer):
    """The body of an answer with a status of 400 or above."""

    error: str


class Health(Answer):
    """`GET /healthz`."""

    ok: Literal[True] = True


class Version(Answer):
    """`GET /version`.

    Attributes:
        version: the image's version.
        environment: POOL_ENVIRONMENT.
        revision: the commit that the image was built from.
        capabilities: the operations that it supports, for callers that also work with older pool managers.
        schemaVersion: the last migration that it contains.
    """

    version: str
    environment: str
    revision: str = ""
    capabilities: list[str] = []
    schemaVersion: str = ""


class Counts(Answer):
    """`GET /api/pool/counts`: agents by state.

    `latest` counts the agents that equal a new one, `behind` those with another image or other keys, and `behindKeys`
    those with the newest image but other keys.
    """

    starting: int = 0
    idle: int = 0
    claimed: int = 0
    crashed: int = 0
    released: int = 0
    sleeping: int = 0
    dead: int = 0
    unfinished: int = 0
    unknown: int = 0
    total: int = 0
    latest: int = 0
    behind: int = 0
    behindKeys: int = 0


class ListedInstance(Answer):
    """One agent.

    Attributes:
        id: the last 12 characters that its service's name had when it was created.
        status: its state in the terms of the team's pool manager.
        state: its state in the terms of this pool manager, which are more precise.
        reason: why it is in its state, if that needs an explanation.
        keysBehind: the names of the keys that it lacks, has with another value than a new agent, or has in excess, and
            POOL_API_KEY if its own bearer key was derived from an older pool key. Missing without the key, and while it
            is not known.
    """

    serviceId: str
    id: str
    name: str
    url: str
    status: Status
    createdAt: str
    deployStatus: str
    agentName: str | None = None
    instructions: str | None = None
    inviteUrl: str | None = None
    conversationId: str | None = None
    claimedAt: str | None = None
    sourceBranch: str | None = None
    state: str = ""
    image: str = ""
    latest: bool = False
    reason: str | None = None
    keysBehind: list[str] | None = None


class Agents(Answer):
    """`GET /api/pool/agents`. Without the key, all that gives access to a conversation is left out."""

    claimed: list[ListedInstance]
    crashed: list[ListedInstance]


class AgentSummary(Answer):
    """One agent, in the older format of `status` that `instances` replaces."""

    id: str
    service: str
    serviceId: str
    state: str
    image: str
    latest: bool
    deployment: str
    url: str
    createdAt: str


class RolloutState(Answer):
    """The progress of a rollout."""

    state: str
    text: str


class PoolStatus(Answer):
    """`GET /api/pool/status`."""

    counts: Counts
    instances: list[ListedInstance]
    environment: str
    image: str
    minIdle: int
    database: str
    seenAt: float
    agents: list[AgentSummary]
    rollout: RolloutState
    problem: str = ""


class Claimed(Answer):
    """`POST /api/pool/claim`."""

    inviteUrl: str
    conversationId: str
    instanceId: str
    joined: bool
    gatewayToken: str
    gatewayUrl: str


class Replenished(Answer):
    """`POST /api/pool/replenish`: `created` counts the new agents, `creating` those that the next ticks create."""

    ok: Literal[True] = True
    created: int | None = None
    creating: int = 0
    counts: Counts


class Drained(Answer):
    """`POST /api/pool/drain`."""

    ok: Literal[True] = True
    drained: int
    ids: list[str] = []
    counts: Counts


class Reconciled(Answer):
    """`POST /api/pool/reconcile`."""

    ok: Literal[True] = True
    counts: Counts
    created: list[str] = []
    removed: list[str] = []
    rollout: str = ""


class Done(Answer):
    """An operation whose only result is its success."""

    ok: Literal[True] = True


class Finished(Answer):
    """`POST /api/pool/instances/{id}/finish`."""

    ok: Literal[True] = True
    instanceId: str
    conversationId: str
    inviteUrl: str


class Redeployed(Answer):
    """`POST /api/pool/redeploy/{id}`."""

    instanceId: str
    image: str


class RetirementReport(Answer):
    """`POST /api/pool/retire`: the ids of the deleted agents, and the number of agents that are left."""

    deleted: list[str]
    left: int


class Reopened(Answer):
    """`POST /api/pool/reopen`: whether the pool was closed before."""

    opened: bool


class RolloutPlan(Answer):
    """`POST /api/pool/rollout/plan`."""

    policy: str
    image: str
    agents: int
    lines: list[str]
    batches: list[dict[str, Any]]


class RolloutAnswer(RolloutPlan):
    """`GET /api/pool/rollout`."""

    state: str
    text: str
    problem: str


class Retrying(Answer):
    """`POST /api/pool/rollout/retry`: whether a stopped rollout was started again."""

    retrying: bool


class Aborted(Answer):
    """`POST /api/pool/rollout/abort`: the rollout's new description."""

    ok: Literal[True] = True
    text: str


class Credential(Answer):
    """An OpenRouter key or an AgentMail inbox.

    Attributes:
        id: its id for a sweep: `openrouter:<hash>` or `agentmail:<inbox id>`.
        agentId: the agent that it was made for, according to its name.
        recorded: whether this pool manager made it. Any other one may belong to another pool with the same
            account.
    """

    id: str
    kind: Literal["openrouter-key", "agentmail-inbox"]
    name: str
    agentId: str
    recorded: bool


class CredentialList(Answer):
    """`GET /api/pool/credentials`: the keys and inboxes without an agent here, and how many have one (`owned`)."""

    owned: int
    unowned: list[Credential]


class Swept(Answer):
    """`POST /api/pool/credentials/sweep`: the ids of the deleted ones, and the unowned ones that are left."""

    ok: Literal[True] = True
    deleted: list[str]
    left: list[Credential]

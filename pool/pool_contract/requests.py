"""The bodies of requests to the pool manager."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

LONGEST_NAME = 200
LONGEST_INSTRUCTIONS = 200_000
LONGEST_VALUE = 2000
MOST_AT_ONCE = 20
"""How many agents one request creates or drains; a larger count is reduced to this."""


def _storable(text: str) -> str:
    # PostgreSQL's text cannot contain NUL, and a lone surrogate is not valid text.
    if "\x00" in text:
        raise ValueError("must be text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be text") from None
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("missing")
    return text


def _trimmed(text: str) -> str:
    return text.strip()


Text = Annotated[StrictStr, AfterValidator(_storable)]
Count = Annotated[StrictInt, Field(ge=1, le=1000)]


class Body(BaseModel):
    """A request's body; unknown fields are ignored, as callers may be newer than this pool manager."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class ClaimRequest(Body):
    """`POST /api/pool/claim`."""

    agentName: Annotated[Text, Field(max_length=LONGEST_NAME), AfterValidator(_not_blank), AfterValidator(_trimmed)]
    instructions: Annotated[Text, Field(max_length=LONGEST_INSTRUCTIONS), AfterValidator(_not_blank)]
    joinUrl: Annotated[Text, AfterValidator(_trimmed)] | None = None


class CountRequest(Body):
    """`POST /api/pool/replenish` and `/drain`."""

    count: Count | None = None

    @property
    def at_most(self) -> int | None:
        """The count, limited to one request; None if the caller gave none."""
        return None if self.count is None else min(self.count, MOST_AT_ONCE)


class EmptyRequest(Body):
    """A request without content in its body."""


class RetireRequest(Body):
    """`POST /api/pool/retire`."""

    claimed: StrictBool = False


class PlanRequest(Body):
    """`POST /api/pool/rollout/plan`: the image and the POOL_ROLLOUT_ variables for which to plan."""

    variables: dict[StrictStr, Annotated[Text, Field(max_length=LONGEST_VALUE)]] = {}


class FinishRequest(Body):
    """`POST /api/pool/instances/{id}/finish`: the outcome of a claim; without it, the agent is asked once more."""

    conversationId: Annotated[Text, Field(min_length=1, max_length=LONGEST_NAME)] | None = None
    inviteUrl: Annotated[Text, Field(max_length=LONGEST_VALUE)] | None = None


class RedeployRequest(Body):
    """`POST /api/pool/redeploy/{id}`.

    Attributes:
        claimed: whether a claimed agent may be redeployed as well.
    """

    claimed: StrictBool = False


class SweepRequest(Body):
    """`POST /api/pool/credentials/sweep`: the unowned keys and inboxes to delete; none by default.

    Attributes:
        recorded: whether to delete all that this pool manager created and whose agent is gone.
        ids: ids from `GET /api/pool/credentials`, including those that another pool may have created.
    """

    recorded: StrictBool = False
    ids: list[Annotated[Text, Field(min_length=1, max_length=LONGEST_NAME)]] = []

"""The parts of the dashboard that change; each has an id, so that the script can replace it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from convos_pool import agents
from convos_pool.pool import DISMISSIBLE
from convos_pool.redeploying import UNCLAIMED

from .forms import FormContext, act_form
from .invite import invite
from .markup import Markup, joined, tag

if TYPE_CHECKING:
    from convos_pool.agents import Agent
    from convos_pool.claim import ClaimDetails
    from convos_pool.event_store import KeptEvent

    from .state import State

SHOWN_AGENTS = 200
SHOWN_EVENTS = 30
_DIGEST_TAIL = re.compile(r"(@sha256:[0-9a-f]{12})[0-9a-f]{52}")
"""Twelve digits are enough to distinguish images, and a whole digest does not fit on a phone."""
ALWAYS_SHOWN = ("idle", "starting", "claimed", "crashed")


@dataclass(frozen=True)
class Filter:
    """Which agents are shown.

    Attributes:
        text: part of an id, a name, an image or a reason.
        state: one of `agents.STATES`, or empty for all.
    """

    text: str = ""
    state: str = ""

    def takes(self, agent: Agent, name: str) -> bool:
        """Tell whether an agent is shown."""
        words = f"{agent.id} {agent.instance.name} {name} {agent.image} {agent.reason}".casefold()
        return self.state in {"", agent.state} and self.text.casefold() in words


def changing(state: State, context: FormContext, chosen: Filter) -> list[Markup]:
    """Return every part of the page with a login, the counts first."""
    return [
        counts(state),
        _held(state),
        _rollout(state, context),
        _agents(state, context, chosen),
        _events(state.events),
    ]


def counts(state: State) -> Markup:
    """Return how many agents are in each state."""
    found = agents.counts(state.snapshot.agents.values() if state.snapshot else (), state.image, state.keys_behind)
    shown = [name for name in agents.STATES if found[name] or name in ALWAYS_SHOWN]
    tiles = [tag("li", tag("b", str(found[name])), name, class_=f"tile {name}") for name in shown]
    seen = f"read {max(0, round(time.time() - state.snapshot.at))} s ago" if state.snapshot else "not read yet"
    facts = [
        f"{found['latest']} up to date, {found['behind']} behind",
        f"{state.min_idle} are kept idle",
    ]
    facts += [seen, *([f"Railway: {state.calls_left}"] if state.calls_left else [])]
    return tag("section", tag("h2", "Agents by state"), tag("ul", *tiles), tag("p", " · ".join(facts)), id="counts")


def _held(state: State) -> Markup:
    body = tag("ul", *(tag("li", line) for line in state.held)) if state.held else tag("p", "Nothing is on hold.")
    return tag("section", tag("h2", "On hold"), body, id="held", class_="held" if state.held else None)


def _rollout(state: State, context: FormContext) -> Markup:
    parts = [
        tag("h2", "Rollout"),
        tag("p", tag("b", state.step.state), f" · {state.step.text} · policy {state.policy}"),
    ]
    if state.plan:
        summary, *batches = state.plan
        parts += [tag("p", summary), tag("ul", *(tag("li", line) for line in batches)) if batches else Markup("")]
    if state.step.state in {"rolling", "waiting"}:
        parts.append(act_form(context, "abort", "Stop the rollout", "Stop it and roll back the current batch"))
    if state.step.state == "aborted":
        parts.append(act_form(context, "retry", "Retry the rollout", "Retry with this image"))
    return tag("section", *parts, id="rollout")


def _agents(state: State, context: FormContext, chosen: Filter) -> Markup:
    snapshot = state.snapshot
    names = {id_: claim.agent_name for id_, claim in snapshot.claims.items()} if snapshot else {}
    order = {name: place for place, name in enumerate(("unknown", "crashed", "dead", "claimed"))}
    living = sorted(snapshot.agents.values() if snapshot else (), key=lambda one: (order.get(one.state, 9), one.id))
    found = [agent for agent in living if chosen.takes(agent, names.get(agent.id, ""))]
    rows = [_row(agent, names.get(agent.id, ""), state, context) for agent in found[:SHOWN_AGENTS]]
    more = len(found) - len(rows)
    note = f"{len(found)} of {len(living)} agents" + (f", the first {len(rows)} are shown" if more else "")
    body = tag("ul", *rows, class_="agents") if rows else Markup("")
    return tag("section", tag("h2", "Agents"), tag("p", note), body, id="agents")


def _row(agent: Agent, name: str, state: State, context: FormContext) -> Markup:
    reference, _, digest = agent.image.partition("@")
    image = joined(
        tag("span", reference.rpartition("/")[2] or "no image yet", title=agent.image),
        " ",
        tag("code", digest[: len("sha256:") + 12]),
        " ",
        tag("span", _newness(agent, state), class_="note"),
    )
    facts = [agent.instance.deployment_status or "not deployed", _age(agent.instance.created_at)]
    return tag(
        "li",
        tag("div", tag("code", agent.id), tag("span", agent.state, class_=f"state {agent.state}"), class_="who"),
        tag("div", name, class_="name"),
        tag("div", image, class_="image"),
        tag("div", " · ".join(facts), class_="facts"),
        tag("div", agent.reason, class_="reason") if agent.reason else "",
        tag("div", *_row_acts(agent, context), class_="acts"),
        id=f"agent-{agent.id}",
        data_state=agent.state,
    )


def _newness(agent: Agent, state: State) -> str:
    if not agents.same_image(agent.image, state.image):
        return "behind"
    return "older keys" if agent.id in state.keys_behind else "newest"


def _row_acts(agent: Agent, context: FormContext) -> list[Markup]:
    found = []
    if agent.claimed:
        found.append(tag("a", "Invite", href=f"/dashboard/agents/{agent.id}", class_="button"))
    if agent.state in UNCLAIMED:
        found.append(act_form(context, "redeploy", "Redeploy", f"Redeploy {agent.id}", agent_id=agent.id))
    if agent.state == "unknown":
        found.append(act_form(context, "finish", "Ask again", f"Ask {agent.id} again", agent_id=agent.id))
    if agent.state in DISMISSIBLE:
        found.append(act_form(context, "dismiss", "Dismiss", f"Dismiss {agent.id}", agent_id=agent.id))
    else:
        words = f"Kill {agent.id}" + (", which is in use" if agent.claimed else "")
        found.append(act_form(context, "kill", "Kill", words, agent_id=agent.id))
    return found


def claim_details(agent_id: str, details: ClaimDetails) -> Markup:
    """Return the name, the instructions and the invite of a claimed agent."""
    progress = f"claimed {details.claimed_at}" if details.claimed_at else "its claim is not complete"
    return joined(
        tag("h2", details.agent_name),
        tag("p", tag("code", agent_id), f" · {progress}"),
        tag("pre", details.instructions, tabindex=0),
        invite(details.invite_url) if details.invite_url else "",
    )


def _events(events: tuple[KeptEvent, ...]) -> Markup:
    rows = [
        tag(
            "li",
            tag("time", _time(event.at), datetime=_time(event.at)),
            " ",
            tag("b", event.kind),
            " ",
            tag("code", event.agent_id) if event.agent_id else "",
            " ",
            _without_kind(event),
        )
        for event in events[:SHOWN_EVENTS]
    ]
    return tag("section", tag("h2", "Last events"), tag("ol", *rows, class_="events"), id="events")


def _without_kind(event: KeptEvent) -> str:
    """Return the reason of an event without its kind, which the row shows separately, and with short digests."""
    words = event.reason.removeprefix(event.kind).removeprefix(":").lstrip(" ,")
    return _DIGEST_TAIL.sub(r"\1", words)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _age(since: datetime) -> str:
    seconds = max(0.0, (datetime.now(UTC) - since).total_seconds())
    for unit, size in (("days", 172_800.0), ("hours", 7200.0), ("min", 120.0)):
        if seconds >= size:
            return f"{seconds / (size / 2):.0f} {unit} old"
    return f"{seconds:.0f} s old"

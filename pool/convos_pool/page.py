"""The status page at `/`: one document without scripts; no names, keys or addresses, as everybody may read it."""

from __future__ import annotations

import time
from collections.abc import Collection
from html import escape
from typing import TYPE_CHECKING

from . import agents
from .rollout import short

if TYPE_CHECKING:
    from .agents import Agent
    from .census import Look
    from .rollout import Step
    from .settings import Settings

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}
h1{margin:0 0 .2rem}p{margin:.2rem 0 1rem;color:#888}ul{list-style:none;display:flex;flex-wrap:wrap;gap:.6rem;padding:0}
li{border:1px solid #8884;border-radius:.5rem;padding:.4rem .9rem}li b{font-size:1.5rem;display:block}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #8884}
code{font-size:.85em;overflow-wrap:anywhere}.idle{color:#2a8a3e}.dead,.crashed,.unknown{color:#c33}.starting,.unfinished{color:#a60}
"""
ICON = '<link rel="icon" href="data:,">'
SHOWN = ("idle", "starting", "claimed", "unknown", "released", "sleeping", "crashed", "dead", "unfinished")
ALWAYS_SHOWN = 3


def render(settings: Settings, look: Look | None, step: Step, keys_behind: Collection[str]) -> str:
    """Return the page.

    Args:
        settings: what was configured.
        look: what was last seen; None before the first look.
        step: where the rollout is.
        keys_behind: the ids of agents with other keys than new ones get.
    """
    image = settings.runtime_image
    head = f"<h1>Convos pool</h1><p>{escape(settings.environment)} · new agents get <code>{escape(image)}</code></p>"
    unseen = "<p>Railway and the database have not been asked yet.</p>"
    body = unseen if look is None else _agents(look, image, step, keys_behind)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Convos pool</title>'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="10">'
        f"{ICON}<style>{STYLE}</style></head><body>{head}{body}</body></html>"
    )


def _agents(look: Look, image: str, step: Step, keys_behind: Collection[str]) -> str:
    counts = agents.counts(look.agents.values(), image, keys_behind)
    shown = [name for place, name in enumerate(SHOWN) if counts[name] or place < ALWAYS_SHOWN]
    tiles = "".join(f'<li class="{name}"><b>{counts[name]}</b>{name}</li>' for name in shown)
    keys = f" ({counts['behindKeys']} by their keys alone)" if counts["behindKeys"] else ""
    rows = "".join(_row(agent, image) for agent in look.agents.values())
    seconds = max(0, round(time.time() - look.at))
    return (
        f"<ul>{tiles}</ul><p>{counts['latest']} on the newest image, {counts['behind']} behind{keys} · "
        f"rollout: {escape(step.text)} · seen {seconds} s ago</p>"
        f"<table><thead><tr><th>agent</th><th>state</th><th>deployment</th><th>image</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _row(agent: Agent, image: str) -> str:
    newest = "newest" if agents.same_image(agent.image, image) else escape(short(agent.image) or "none yet")
    return (
        f'<tr><td><code>{escape(agent.id)}</code></td><td class="{agent.state}">{agent.state}</td>'
        f"<td>{escape(agent.instance.deployment_status or '-')}</td><td><code>{newest}</code></td></tr>"
    )

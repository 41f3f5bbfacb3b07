"""Improvements over an existing setup: on for a new stack, off for one that `make adopt` took over unchanged."""

from __future__ import annotations

from components.defaults import CANARY_SERVICE
from convos_infra.railway.takeover import VARIABLE
from stack.section import Flag, Section, Text, key


class Improvements(Section):
    """Switches, each of which changes something in an environment that was taken over."""

    adopted: Flag = key(
        "adopted",
        "Whether the stack took over a live environment as it was (make adopt sets this). Its first update then deploys"
        " nothing to repair what is already broken there, and waits for no deployment that it did not make.",
        default=False,
    )
    adopted_from: Text = key(
        "adoptedFrom",
        "Hashes of what make adopt read; the first update stops if any of it has changed since.",
        secret=True,
    )
    mark: Flag = key(
        "markEnvironment",
        f"Whether the environment gets the shared variable {VARIABLE} with the stack's name; another stack is then"
        " refused when it takes the environment over.",
        default=False,
    )
    seal: Flag = key(
        "sealKeys",
        "Whether the secrets of the pool manager are sealed on Railway. Sealing cannot be undone - Railway never shows"
        " a sealed value again.",
        default=True,
    )
    pin: Flag = key(
        "pinImages",
        "Whether images are looked up in the registry and deployed by digest; otherwise they are deployed as written.",
        default=True,
    )
    canary: Flag = key(
        "manageCanary",
        "Whether the stack runs an agent with each new image before the pool manager gets the image.",
        default=True,
    )
    canary_service: Text = key("canaryService", "The name of the canary's service on Railway.", CANARY_SERVICE)
    rollouts: Flag = key(
        "manageRollouts",
        "Whether the stack sets the pool manager's rollout policy (POOL_ROLLOUT_ variables) and rolls a new image out"
        " to living agents.",
        default=True,
    )

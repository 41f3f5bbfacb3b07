"""What is known of one variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pool_contract.key_values import Anything, Values

GivenTo = Literal["pool", "agents", "both"]
SetBy = Literal["keys", "program", "pool"]


@dataclass(frozen=True)
class KeyDeclaration:
    """What is known of one variable.

    Attributes:
        name: the variable's name, the same everywhere.
        given_to: `pool`: only the pool manager uses it. `agents`: agents and the canary get it; the pool manager only
            passes it on. `both`: the pool manager uses it, and agents and the canary get it.
        secret: whether it is kept encrypted and sealed on Railway, and never printed.
        required: whether the pool manager, or an agent, does not start without it.
        default: what applies where it is not set; empty where there is no default.
        allowed: which values it may have.
        made_per_agent: whether each agent gets a value of its own, made by the pool manager. A value that is set as a
            key is used instead only where `set_by` is `keys`.
        description: one line for people.
        set_by: `keys`: people set it as `keys.NAME`. `program`: the program sets it from other config. `pool`: the pool
            manager makes it, and it cannot be set.
    """

    name: str
    given_to: GivenTo
    secret: bool
    required: bool
    default: str
    allowed: Values
    made_per_agent: bool
    description: str
    set_by: SetBy = "keys"

    @property
    def for_agents(self) -> bool:
        """Whether agents and the canary get it."""
        return self.given_to != "pool"


def key(
    name: str,
    given_to: GivenTo,
    description: str,
    *,
    secret: bool = False,
    required: bool = False,
    default: str = "",
    allowed: Values | None = None,
    made_per_agent: bool = False,
    set_by: SetBy = "keys",
) -> KeyDeclaration:
    """Return a declaration; arguments as the attributes of `KeyDeclaration`."""
    values = allowed if allowed is not None else Anything()
    return KeyDeclaration(name, given_to, secret, required, default, values, made_per_agent, description, set_by)

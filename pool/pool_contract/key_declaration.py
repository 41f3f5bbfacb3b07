"""The declaration of one variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pool_contract.key_values import Anything, Values

GivenTo = Literal["pool", "agents", "both"]
SetBy = Literal["keys", "program", "pool"]


@dataclass(frozen=True)
class Generated:
    """A random value: `prefix` and `size` bytes in hex."""

    prefix: str
    size: int


@dataclass(frozen=True)
class InRuntime:
    """The runtime image's behaviour if the variable is not set.

    Attributes:
        required: whether the runtime does not work without it.
        default: the runtime's default; empty if it has none.
        generated: the value that the runtime generates at its first start.
        example: a value for runtime/.env.example.
        description: its meaning for the runtime, if that differs from its meaning for the pool manager.
    """

    required: bool = False
    default: str = ""
    generated: Generated | None = None
    example: str = ""
    description: str = ""


@dataclass(frozen=True)
class KeyDeclaration:
    """The declaration of one variable.

    Attributes:
        name: the variable's name, the same everywhere.
        given_to: `pool`: only the pool manager uses it. `agents`: agents and the canary get it; the pool manager only
            passes it on. `both`: the pool manager uses it, and agents and the canary get it.
        secret: whether it is kept encrypted and sealed on Railway, and never printed.
        required: whether the pool manager does not start without it.
        default: the value if it is not set; empty if there is none.
        allowed: its allowed values.
        made_per_agent: whether each agent gets its own value, made by the pool manager. A value that is set as a key
            replaces it only if `set_by` is `keys`.
        description: one line for people.
        set_by: `keys`: people set it as `keys.NAME`. `program`: the program sets it from other config. `pool`: the pool
            manager makes it, and it cannot be set.
        made_with: the key with which the pool manager makes a value for each agent, if it needs one.
        runtime: the runtime image's behaviour without it; None if the runtime image does not use it.
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
    made_with: str = ""
    runtime: InRuntime | None = None

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
    made_with: str = "",
    runtime: InRuntime | None = None,
) -> KeyDeclaration:
    """Return a declaration; the arguments are the attributes of `KeyDeclaration`.

    Without `runtime`, a variable that agents get is optional in the runtime image, or has the same default there.
    """
    in_runtime = InRuntime(default=default) if runtime is None and given_to != "pool" else runtime
    return KeyDeclaration(
        name=name,
        given_to=given_to,
        secret=secret,
        required=required,
        default=default,
        allowed=allowed if allowed is not None else Anything(),
        made_per_agent=made_per_agent,
        description=description,
        set_by=set_by,
        made_with=made_with,
        runtime=in_runtime,
    )

"""Whether the stack created a thing or took it over. A destroy deletes what the stack created and keeps the rest.

docs/decisions/0015-ownership.md says how each case is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from convos_infra.errors import InfraError

OWNED, ADOPTS, SERVICE_OWNED = "owned", "adopts", "serviceOwned"
REFUSE, DELETE = "refuse", "delete"
DATA_KEY, DATA_VARIABLE = "dataOnDestroy", "DATA_ON_DESTROY"
ADOPTED_KEY, ADOPTED_VARIABLE = "destroyAdopted", "DESTROY_ADOPTED"
PROTECT_KEY = "protect"
ALLOW_DATA = f"{DATA_VARIABLE}={DELETE} pulumi destroy"
_TRUE, _FALSE = "true", "false"


@dataclass(frozen=True)
class DestroyPolicy:
    """The policy of a stack for its destroy.

    Attributes:
        adopted: whether things that were taken over are deleted as well.
        data: `refuse` the destroy if a volume has data, or `delete` the data.
        data_now: whether `DATA_ON_DESTROY=delete` was given to this very destroy, not once and for all in the config.
        protect: whether the last update was made with `protect: true`.
    """

    adopted: bool = False
    data: str = REFUSE
    data_now: bool = False
    protect: bool = False


def policy(setting: Callable[[str], str], environ: Mapping[str, str]) -> DestroyPolicy:
    """Read the policy. Pulumi gives a destroy the config of the last update; the variables override its keys.

    Args:
        setting: returns the text of a config key, empty if there is none.
        environ: the process's variables.

    Raises:
        InfraError: a value is not one of those that are allowed.
    """
    adopted = _one_of(ADOPTED_KEY, ADOPTED_VARIABLE, setting, environ, (_FALSE, _TRUE))
    data = _one_of(DATA_KEY, DATA_VARIABLE, setting, environ, (REFUSE, DELETE))
    return DestroyPolicy(
        adopted=adopted == _TRUE,
        data=data,
        data_now=data == DELETE and bool(environ.get(DATA_VARIABLE)),
        protect=setting(PROTECT_KEY).lower() == _TRUE,
    )


def _one_of(
    key: str, variable: str, setting: Callable[[str], str], environ: Mapping[str, str], allowed: tuple[str, str]
) -> str:
    given = environ.get(variable, "")
    found = (given or setting(key) or allowed[0]).strip().lower()
    if found not in allowed:
        raise InfraError(variable if given else key, f"must be {' or '.join(allowed)}, not {found[:20]!r}")
    return found


def is_owned(props: Mapping[str, Any], *, otherwise: bool) -> bool:
    """Tell whether this stack created a thing.

    Args:
        props: its properties in the state.
        otherwise: the result if the state does not tell, as in older releases.
    """
    recorded = props.get(OWNED)
    if isinstance(recorded, bool):
        return recorded
    return False if props.get(ADOPTS) else otherwise


def is_services_own(props: Mapping[str, Any]) -> bool:
    """Tell whether, by the state, this stack created the service that a thing belongs to."""
    return props.get(SERVICE_OWNED) is True

"""Stops the first preview if a service that is taken over has secrets that this stack does not know.

A sealed variable is taken over with its value. If the stack were about to make a value of its own for it, the state
would record a secret that the service does not have, and whatever uses that secret would be refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convos_infra.errors import InfraError
from convos_infra.provider import is_unknown
from convos_infra.railway.environment_config import VARIABLES, live_variables


def unknown_secrets(wanted: Mapping[str, Any], service: Mapping[str, Any]) -> list[str]:
    """Name the variables that Railway does not show and whose wanted value is not known yet.

    Args:
        wanted: the variables of the inputs.
        service: the service's part of the environment's config.
    """
    live = live_variables(service)
    return sorted(name for name, value in wanted.items() if is_unknown(value) and name in live and live[name] is None)


def refuse_unknown_secrets(news: Mapping[str, Any], service: Mapping[str, Any]) -> None:
    """Refuse to take over a service whose secrets the state would not have.

    Raises:
        InfraError: names all of them.
    """
    wanted = news.get(VARIABLES) or {}
    names = [] if is_unknown(wanted) else unknown_secrets(wanted, service)
    if not names:
        return
    commands = [command for name in names if (command := (news.get("givenBy") or {}).get(name))]
    steps = f"run {' and '.join(commands)}; or " if commands else ""
    raise InfraError(
        str(news["service"]),
        f"{', '.join(names)}: sealed on Railway, where no value can be read, and this stack's state does not have it",
        f"{steps}remove the variable from the service on Railway, and the stack sets its own",
    )

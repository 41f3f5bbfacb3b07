"""Secrets of a living service that this stack does not know: the first preview stops, before anything is changed.

A sealed variable is taken over as it is. If the stack is about to make its own value for it, the state would record a
secret that the service does not have, and whatever uses it would be refused.
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
    """Stop a service from being taken over where the state would not have its secrets.

    Raises:
        InfraError: for all of them.
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

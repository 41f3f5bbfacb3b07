"""Creation throttles: a user can create one project and one environment in a time (fact: creation-throttle)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from emulator.errors import Refusal

if TYPE_CHECKING:
    from emulator.api.request import Request


def throttle(request: Request, kind: str, many: str) -> None:
    """Refuse a creation too soon after the user's last one of this kind.

    Args:
        request: the user's request.
        kind: `project` or `environment`.
        many: its plural, for the message.

    Raises:
        Refusal: `creation_throttle_seconds` have not passed yet.
    """
    seconds = request.world.settings.current.creation_throttle_seconds
    if not seconds:
        return
    name = f"last {kind} {request.user}".strip()
    last = request.store.get("setting", name)
    if last and time.time() - last["at"] < seconds:
        raise Refusal(f"You are creating {many} too quickly. Please try again later.")
    request.store.put("setting", name, {"at": time.time()})

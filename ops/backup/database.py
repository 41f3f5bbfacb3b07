"""Where a stack's database is now, for somebody who is about to read or write all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.status import live_stack, reading

if TYPE_CHECKING:
    from convos_infra.schema.address import Address


def database_of(stack: str) -> Address:
    """Return the address of a stack's database, by Railway's word of this moment.

    Raises:
        InfraError: there is none, or it is not known where it is.
    """
    state = live_stack.recorded(stack)
    return reading.database_now(state, live_stack.railway(state))

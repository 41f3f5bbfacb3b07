"""Finds a stack's database, to read or write all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.status import live_stack, reading

if TYPE_CHECKING:
    from convos_infra.schema.address import Address


def database_of(stack: str) -> Address:
    """Return the address of a stack's database, as Railway reports it now.

    Raises:
        InfraError: there is none, or its address is not known.
    """
    state = live_stack.recorded(stack)
    return reading.database_now(state, live_stack.railway(state))

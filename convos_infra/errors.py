"""The error of this program: a `Failure`, as those of the Railway client are."""

from __future__ import annotations

from railway_api.failure import Failure


class InfraError(Failure):
    """Something that a user must know about, found by this program itself; see `Failure` for its parts."""

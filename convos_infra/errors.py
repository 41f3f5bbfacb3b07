"""The error of this program: a `Failure`, like those of the Railway client."""

from __future__ import annotations

from railway_api.failure import Failure


class InfraError(Failure):
    """A problem found by this program itself; see `Failure` for its parts."""

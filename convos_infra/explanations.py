"""One cause, said once: what Pulumi prints where every resource of a run fails for the same reason.

Pulumi prints a failure for each resource, and a refresh goes on after one has failed: a token that has expired is 50
services times one long line.
"""

from __future__ import annotations

import functools
import threading

from railway_api.errors import NotAuthorized, RailwayError, RateLimited, ServerFailed, Unreachable
from railway_api.failure import Failure

SEE = "see the first error, of"
"""In each line that another one explains, and in no other."""
TOKEN = "railwayToken"
"""The subject of what is wrong with the token itself."""
_SHORT: tuple[tuple[type[RailwayError], str], ...] = (
    (NotAuthorized, 'Railway says "Not Authorized"'),
    (RateLimited, "Railway's rate limit is used up"),
    (ServerFailed, "Railway answers with an error of its own"),
    (Unreachable, "Railway does not answer"),
)
"""What concerns a whole run, and not one resource, in few words."""


class Explanations:
    """What has been explained to the user in one run; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: dict[str, str] = {}

    def line(self, failure: Failure, *, is_read: bool) -> str:
        """Return the line for a failure: all of it the first time, and later only that it is the same cause.

        Args:
            failure: what has failed.
            is_read: whether nothing was to be changed. A change that may have happened is always explained.
        """
        short = _shortened(failure, is_read=is_read)
        with self._lock:
            first = self._first.get(short, "")
            self._first.setdefault(short, failure.subject)
        if not short or not first:
            return str(failure)
        return str(Failure(failure.subject, short, f"{SEE} {first}"))


@functools.lru_cache(maxsize=1)
def explanations() -> Explanations:
    """Return what this process has explained: Pulumi starts one for each run."""
    return Explanations()


def _shortened(failure: Failure, *, is_read: bool) -> str:
    """Return the failure in few words if it concerns the whole run; otherwise the empty string."""
    if not isinstance(failure, RailwayError):
        # There is none, or its endpoint must not see it.
        return failure.problem if failure.subject == TOKEN else ""
    # "Not Authorized" and a rate limit say the same of a change as of a read: the token or the hour has to be another.
    is_same = is_read or isinstance(failure, NotAuthorized | RateLimited) or not failure.may_have_happened
    return next((short for kind, short in _SHORT if is_same and isinstance(failure, kind)), "")

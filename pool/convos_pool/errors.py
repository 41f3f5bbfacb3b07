"""The errors, each with a message of one line and the matching HTTP status."""

from __future__ import annotations


class PoolError(Exception):
    """A problem that a caller or an operator must know about, in one line without secrets; `status` is HTTP's."""

    status = 500

    @property
    def cause(self) -> tuple[str, ...]:
        """The identity of this problem: the log reports the same cause only once."""
        return (type(self).__name__, str(self))


class SettingsError(PoolError):
    """Variables that are missing or malformed; the process does not start."""


class BadRequestError(PoolError):
    """The request is malformed."""

    status = 400


class NotFoundError(PoolError):
    """There is no such agent."""

    status = 404


class ConflictError(PoolError):
    """The state of the agent or the pool does not allow this."""

    status = 409


class UnavailableError(PoolError):
    """The pool cannot serve the request now; the same request may work later."""

    status = 503


class DatabaseUnavailableError(UnavailableError):
    """The database does not answer, refuses, or has no free connection."""


class NoIdleAgentError(UnavailableError):
    """No agent is idle."""


class MissingTableError(DatabaseUnavailableError):
    """The database's schema is older than this pool manager."""


class UnauthorizedError(PoolError):
    """The bearer token is missing or wrong."""

    status = 401


class TooLargeError(PoolError):
    """The body is larger than any valid request."""

    status = 413


class AgentError(PoolError):
    """An agent refused, or did not answer.

    Args:
        problem: what happened.
        refused: whether it answered with a refusal; otherwise the outcome is unknown.
        in_use: whether it refused because it is already in a conversation.
    """

    status = 500

    def __init__(self, problem: str, *, refused: bool, in_use: bool = False) -> None:
        super().__init__(problem)
        self.refused = refused
        self.in_use = in_use


class CredentialError(PoolError):
    """OpenRouter or AgentMail refused, or did not answer; the requested change may have happened."""


class RailwayCallError(PoolError):
    """Railway refused, or did not answer.

    Args:
        operation: the name of the operation.
        problem: what happened, in Railway's own words.
        refusal: the kind of refusal, in one word.
        is_there: False if Railway reports that the subject does not exist, or that the token may not see it.
    """

    status = 500

    def __init__(self, operation: str, problem: str, refusal: str = "", *, is_there: bool = True) -> None:
        super().__init__(f"railway: {operation}: {problem}")
        self.is_there = is_there
        self._cause: tuple[str, ...] = (operation, refusal or problem)

    @property
    def cause(self) -> tuple[str, ...]:
        """The operation, and the kind of refusal: the message contains the time and a trace's id."""
        return (type(self).__name__, *self._cause)


class ThrottledError(RailwayCallError):
    """Railway asks to wait, in seconds; the operation was not executed.

    Args:
        operation: the name of the operation, or a description.
        seconds: how long to wait.
        amount: a quantity, put before the operation's name.
        is_of_calls: whether it is the rate limit of one token's calls, which does not affect other tokens.
    """

    status = 503

    def __init__(self, operation: str, seconds: float, amount: str = "", *, is_of_calls: bool = False) -> None:
        super().__init__(f"{amount}{operation}", f"Railway's rate limit; try again in {seconds:.0f} s")
        self.seconds = seconds
        self.is_of_calls = is_of_calls
        self._cause = (operation,)


class CreationThrottledError(ThrottledError):
    """Railway does not allow the creation of a project yet: one in about 30 s per user (fact: creation-throttle)."""

"""What can go wrong, each said in one line and with the HTTP status that fits."""

from __future__ import annotations


class PoolError(Exception):
    """Something that a caller or an operator must know about, in one line without secrets."""

    status = 500

    @property
    def cause(self) -> tuple[str, ...]:
        """What tells this problem from another one: the same cause is said once in the log."""
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
    """The agent or the pool is not in a state for this."""

    status = 409


class UnavailableError(PoolError):
    """The database or Railway does not answer, or no agent is idle; the same request may work later."""

    status = 503


class NoIdleAgentError(UnavailableError):
    """No agent is idle."""


class MissingTableError(UnavailableError):
    """The database's schema is older than this pool manager."""


class UnauthorizedError(PoolError):
    """The bearer token is missing or wrong."""

    status = 401


class TooLargeError(PoolError):
    """The body is larger than anything that a caller has to say."""

    status = 413


class AgentError(PoolError):
    """An agent refused, or did not answer.

    Args:
        problem: what happened.
        refused: whether it answered that it will not; else it is unknown what came of it.
        in_use: whether it refused because it is in a conversation already.
    """

    status = 500

    def __init__(self, problem: str, *, refused: bool, in_use: bool = False) -> None:
        super().__init__(problem)
        self.refused = refused
        self.in_use = in_use


class CredentialError(PoolError):
    """OpenRouter or AgentMail refused, or did not answer; what it was asked for may have happened."""


class RailwayError(PoolError):
    """Railway refused, or did not answer.

    Args:
        operation: the name of the operation.
        problem: what happened, with Railway's own words.
        refusal: which kind of refusal it is, in one word.
        is_there: False where Railway says that there is no such thing, or that it may not be seen.
    """

    status = 500

    def __init__(self, operation: str, problem: str, refusal: str = "", *, is_there: bool = True) -> None:
        super().__init__(f"railway: {operation}: {problem}")
        self.is_there = is_there
        self._cause: tuple[str, ...] = (operation, refusal or problem)

    @property
    def cause(self) -> tuple[str, ...]:
        """The operation, and the kind of refusal: its words have the time and a trace's id in them."""
        return (type(self).__name__, *self._cause)


class ThrottledError(RailwayError):
    """Railway asks to wait, in seconds; the operation was not carried out.

    Args:
        operation: the name of the operation, or what was not done.
        seconds: how long to wait.
        amount: of what, before the operation's name.
        is_of_calls: whether it is the rate limit of one token's calls, which another token does not share.
    """

    status = 503

    def __init__(self, operation: str, seconds: float, amount: str = "", *, is_of_calls: bool = False) -> None:
        super().__init__(f"{amount}{operation}", f"Railway's rate limit; again in {seconds:.0f} s")
        self.seconds = seconds
        self.is_of_calls = is_of_calls
        self._cause = (operation,)


class CreationThrottledError(ThrottledError):
    """Railway lets nobody create a project yet: one in about 30 seconds for each user (fact: creation-throttle)."""

"""Railway's refusals, in Railway's words."""

from __future__ import annotations

from graphql import GraphQLError


class Refusal(GraphQLError):
    """A resolver's error, answered with HTTP 200. Clients match the message; few errors have a code of their own."""

    def __init__(self, message: str, code: str = "INTERNAL_SERVER_ERROR") -> None:
        super().__init__(message, extensions={"code": code})


def not_authorized() -> Refusal:
    """Return Railway's error for a bad token, a missing right, or a deleted object (fact: deleted-is-not-found)."""
    return Refusal("Not Authorized")


def not_found(what: str) -> Refusal:
    """Return `<what> not found`, for example `ServiceInstance not found`."""
    return Refusal(f"{what} not found")

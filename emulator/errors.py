"""Railway's refusals, in Railway's words."""

from __future__ import annotations

from graphql import GraphQLError


class Refusal(GraphQLError):
    """A resolver error: HTTP 200; the message is what clients match, the code says nothing but for few errors."""

    def __init__(self, message: str, code: str = "INTERNAL_SERVER_ERROR") -> None:
        super().__init__(message, extensions={"code": code})


def not_authorized() -> Refusal:
    """Return what Railway says to a bad token, to no access, and to a thing that was deleted."""
    return Refusal("Not Authorized")


def not_found(what: str) -> Refusal:
    """Return `<what> not found`, for example `ServiceInstance not found`."""
    return Refusal(f"{what} not found")

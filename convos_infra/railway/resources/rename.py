"""Renames a project, an environment or a service in place; a rename by somebody else is never undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway import project_reads
from convos_infra.railway.patch_plan import UNSEEN_CHANGE

if TYPE_CHECKING:
    from convos_infra.railway.session import Session


def rename(
    session: Session,
    kind: str,
    names: tuple[str, str, str],
    document: str,
    variables: Mapping[str, Any],
    *,
    is_taken: bool,
    now: Callable[[], str],
) -> None:
    """Give a thing another name, and read it back; nothing is sent if it has the name already.

    Args:
        session: sends.
        kind: project, environment or service; the first word of errors.
        names: the recorded one, the one that Railway shows, and the wanted one.
        document: the mutation.
        variables: its variables.
        is_taken: whether another thing has the wanted name.
        now: reads the current name from Railway.

    Raises:
        InfraError: somebody else renamed it meanwhile, the name is taken, or Railway does not show it afterwards.
        RailwayError: it could not be sent.
    """
    recorded, live, wanted = names
    subject = f"{kind} {recorded}"
    if live == wanted:
        return
    if live != recorded:
        raise InfraError(
            subject,
            f"somebody renamed it to {live!r} since the last update",
            UNSEEN_CHANGE,
        )
    if is_taken:
        raise InfraError(
            subject, f"it cannot become {wanted!r}: there is another {kind} of that name", "choose another name"
        )

    def seen() -> bool | None:
        return True if now() == wanted else None

    project_reads.forget(session)
    session.client.mutate(document, variables, subject=subject, observe=seen)
    if session.until(seen) is None:
        raise InfraError(subject, f"Railway took the name {wanted!r} but does not show it", "run pulumi up again")

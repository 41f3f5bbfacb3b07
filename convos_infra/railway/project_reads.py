"""Shares reads of a project between the check and the creation of a resource, which Pulumi calls one after the other.

Only what was found is shared: before something is made because it was not found, Railway is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.railway.listing import read_project
from convos_infra.railway.snapshots import FRESH_SECONDS

if TYPE_CHECKING:
    from convos_infra.railway.session import Session


def note(session: Session, project: Mapping[str, Any]) -> None:
    """Remember a project that was just read, unless it comes from a list, which does not show its environments."""
    if "environments" in project:
        with session.run.lock:
            session.run.projects[str(project["id"])] = (session.client.clock(), project)


def forget(session: Session) -> None:
    """Forget all projects, so that they are read again: something in one of them was changed."""
    with session.run.lock:
        session.run.projects.clear()


def known(session: Session, id_: str) -> Mapping[str, Any] | None:
    """Return a project that was read within the last `FRESH_SECONDS`; None otherwise."""
    with session.run.lock:
        read_at, project = session.run.projects.get(id_, (0.0, None))
    return project if project is not None and session.client.clock() - read_at <= FRESH_SECONDS else None


def read(session: Session, id_: str, *, subject: str, may_be_known: bool) -> Mapping[str, Any]:
    """Return a project with its environments.

    Args:
        session: reads.
        id_: the project's id.
        subject: the subject of errors.
        may_be_known: whether one that was just read will do.

    Raises:
        RailwayError: it could not be read, which proves nothing.
    """
    if may_be_known and (found := known(session, id_)) is not None:
        return found
    project = read_project(session.client, id_, subject=subject)
    if project:
        note(session, project)
    return project

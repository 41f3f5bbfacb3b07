"""The buckets and groups of a project, which are only in the configs of its environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.store import Document


def buckets(project: Document, environments: list[Document]) -> list[Document]:
    """Return the buckets of a project; their names are made up, as a config has none."""
    ids = {id_: None for environment in environments for id_ in environment["config"].get("buckets", {})}
    made = {"createdAt": project["createdAt"], "updatedAt": project["updatedAt"]}
    return [{"id": id_, "name": f"bucket-{id_[:8]}", "projectId": project["id"], **made} for id_ in ids]


def groups(project: Document, environments: list[Document]) -> list[Document]:
    """Return the groups of a project."""
    found: dict[str, Document] = {}
    for environment in environments:
        found.update(environment["config"].get("groups", {}))
    return [{**group, "id": id_, "projectId": project["id"]} for id_, group in found.items()]

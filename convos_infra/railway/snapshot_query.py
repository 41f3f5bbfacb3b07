"""Asks Railway for an environment and its project, with every page of every list that is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convos_infra.railway.listing import (
    BUCKETS,
    ENVIRONMENTS,
    SERVICE_INSTANCES,
    SERVICES,
    TOKENS,
    VOLUME_INSTANCES,
    VOLUMES,
    completed,
)
from railway_api import documents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from railway_api.client import Client


def ask(client: Client, project_id: str, environment_id: str, *, subject: str, with_tokens: bool) -> Mapping[str, Any]:
    """Return an environment and its project, and on request the project's tokens.

    Args:
        client: asks Railway.
        project_id: the environment's project.
        environment_id: which one.
        subject: the subject of errors.
        with_tokens: whether to ask for the tokens; if Railway refuses that list, the whole answer fails.

    Raises:
        RailwayError: a part of it could not be read.
    """
    variables = {"environmentId": environment_id, "projectId": project_id}
    document = documents.SNAPSHOT_WITH_TOKENS if with_tokens else documents.SNAPSHOT
    data = dict(client.query(document, variables, subject=subject))
    if project := data.get("project"):
        data["project"] = completed(
            client, project, project_id, ENVIRONMENTS, SERVICES, VOLUMES, BUCKETS, subject=subject
        )
    if environment := data.get("environment"):
        lists = (SERVICE_INSTANCES, VOLUME_INSTANCES)
        data["environment"] = completed(client, environment, environment_id, *lists, subject=subject)
    return completed(client, data, project_id, TOKENS, subject=subject) if data.get("projectTokens") else data

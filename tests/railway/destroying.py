"""Stacks that came to their things in one of four ways, what else is in their environment, and their destroy."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.volume import VolumeProvider
from tests.railway.stack_double import OF_SERVICE, ORDER, PREFIX, Killed, StackDouble

_SERVICE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
_VOLUME = "mutation v($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"
OWN, THEIRS = ("made", "adopted after a crash of its own create"), ("adopted by make adopt", "adopted by a plain up")
OF_THE_SERVICE = {"Service", "Volume", "ServiceDomain", "CustomDomain", "TcpProxy", "ProjectToken"}
EVERYTHING = {"Project", "Environment", "SharedVariables", *OF_THE_SERVICE}
REFUSED = {
    "protect": "is protected",
    "stranger's service": "this stack did not make these services: my-tool ",
    "stranger's volume": "this stack did not make these volumes: my-tool-volume (mounted nowhere) ",
    "bucket of others": (
        "this stack did not make these buckets: bucket-0a1b2c3d (copy what is in them, and delete them on Railway)"
    ),
    "claimed agent": "agents: in use: agent-ada-1 (claimed)",
    "dead pool manager": "agents: unknown whether any is claimed: ",
    "dead database": "database 127.0.0.1:9/gone: ",
    "data": "these volumes have data: web-volume (of web) (to delete it: DATA_ON_DESTROY=delete pulumi destroy)",
    "deleted volume": (
        "these deleted volumes can still be restored, but not once their environment is gone: their-tool-volume"
        " (to delete their data: DATA_ON_DESTROY=delete pulumi destroy)"
    ),
    "all at once": "this stack did not make these services: my-tool ",
}
OPTIONS = ("plain", "--skip-preview", "--target", *REFUSED)


def brought_up(new: Callable[..., StackDouble], how: str) -> StackDouble:
    """Return a stack that came to its things in one of the four ways."""
    one = new()
    if how == "made":
        one.up()
        return one
    if how == "adopted after a crash of its own create":
        for kind in ORDER[:-1]:
            with pytest.raises(Killed):
                one.up(killed_at=kind)
        one.up()
        return one
    one.up()
    ids = one.ids()
    named = {"project": ids[ProjectProvider], "environment": ids[EnvironmentProvider]}
    other = new(adopt=named if how == "adopted by make adopt" else {})
    other.up()
    return other


def stranger(one: StackDouble, option: str) -> None:
    """Do what the option is named after."""
    ids = one.ids()
    where = {"projectId": ids[ProjectProvider], "environmentId": ids[EnvironmentProvider]}
    everything = option == "all at once"
    if everything or option.startswith("stranger's"):
        made = one.emulator.run(_SERVICE, input={**where, "name": "my-tool"})["serviceCreate"]["id"]
        if everything or option == "stranger's volume":
            one.emulator.run(_VOLUME, input={**where, "serviceId": made, "mountPath": "/data"})
        if option == "stranger's volume":
            removal = "mutation d($i: String!, $e: String) { serviceDelete(id: $i, environmentId: $e) }"
            one.emulator.run(removal, i=made, e=ids[EnvironmentProvider])
    if option == "bucket of others":
        put_a_bucket(one, ids[EnvironmentProvider])
    if everything or option == "deleted volume":
        give_up_a_volume(one, where)
    if everything or option == "claimed agent":
        one.pool.agents.append({"id": "1", "service": f"{PREFIX}ada-1", "state": "claimed"})
    one.pool.agents.append({"id": "2", "service": f"{PREFIX}2", "state": "idle"})
    if option == "dead pool manager":
        one.pool.dead = True
    if everything or option == "dead database":
        one.dropped_database = "postgresql://u:p4ss@127.0.0.1:9/gone"
        one.up()
    if everything or option in ("data", "deleted volume"):
        one.config = {}
    one.protect = option == "protect"


def put_a_bucket(one: StackDouble, environment: str) -> None:
    """Make a bucket as a colleague would: an environment's config has it, beside services and volumes."""
    patch = {"buckets": {"0a1b2c3d-0000-4000-8000-000000000000": {"region": "sjc", "isCreated": True}}}
    document = "mutation p($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }"
    one.emulator.run(document, e=environment, p=patch)


def give_up_a_volume(one: StackDouble, where: dict[str, str], service: str = "their-tool") -> None:
    """Make a volume with data in a service of others, and delete both: Railway keeps the data for 48 hours."""
    made = one.emulator.run(_SERVICE, input={**where, "name": service})["serviceCreate"]["id"]
    volume = one.emulator.run(_VOLUME, input={**where, "serviceId": made, "mountPath": "/data"})["volumeCreate"]["id"]
    world = json.loads(one.emulator.snapshot(where["environmentId"]))
    (row,) = [row for row in world["volume_instance"] if row["volumeId"] == volume]
    one.emulator.admin("POST", "/volume_instances", {"id": row["id"], "currentSizeMB": 48})
    one.emulator.run("mutation d($i: String!) { volumeDelete(volumeId: $i) }", i=volume)
    removal = "mutation d($i: String!, $e: String) { serviceDelete(id: $i, environmentId: $e) }"
    one.emulator.run(removal, i=made, e=where["environmentId"])


def lose_own_data(one: StackDouble) -> None:
    """Delete the stack's own volume, and let its 48 hours be over."""
    id_ = one.ids()[VolumeProvider]
    one.emulator.run("mutation d($i: String!) { volumeDelete(volumeId: $i) }", i=id_)
    rows = json.loads(one.emulator.snapshot(one.ids()[EnvironmentProvider]))["volume_instance"]
    for row in rows:
        if row["volumeId"] == id_:
            one.emulator.admin("POST", "/volume_instances", {"id": row["id"], "purged": True})


def destroyed(one: StackDouble, option: str) -> str:
    """Destroy as the option says; return the refusal, or the empty string."""
    only = OF_SERVICE if option == "--target" else ORDER
    try:
        one.destroy(preview=option == "plain", only=only)
    except InfraError as error:
        return str(error)
    return ""


def refusal(how: str, option: str) -> str:
    if option == "protect":
        return REFUSED[option]
    return REFUSED.get(option, "") if how in OWN else ""


def goes(how: str, option: str) -> set[str]:
    if how not in OWN or option in REFUSED:
        return set()
    return OF_THE_SERVICE if option == "--target" else EVERYTHING


def row(how: str, option: str, went: set[str], stayed: set[str], refused: str) -> str:
    names = [" ".join(sorted(names)) or "-" for names in (went, stayed)]
    return f"| {how} | {option} | {names[0]} | {names[1]} | {refused or '-'} |"

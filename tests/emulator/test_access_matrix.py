"""Every served operation by every kind of token and every kind of object: who is let through, generated.

What is asserted is the gate: whether an operation is refused as not authorised. What it does then is for other tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import GraphQLInputObjectType, GraphQLNamedType, GraphQLNonNull, get_named_type, is_required_input_field

from emulator.api.access import ACCOUNT, ANY_TOKEN, DEPLOYING, PUBLIC, named
from emulator.api.request import WORKSPACE
from emulator.execution import executable_schema
from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.emulator.subscriber import Subscriber
from tests.emulator.world import World, nodes

SCHEMA = executable_schema()
FIELDS = {
    name: field
    for root in (SCHEMA.query_type, SCHEMA.mutation_type)
    for name, field in (root.fields if root else {}).items()
}
MUTATIONS = set(SCHEMA.mutation_type.fields) if SCHEMA.mutation_type else set()
STREAMS = SCHEMA.subscription_type.fields if SCHEMA.subscription_type else {}
"""Each has the name of a query, and is decided by it."""
CREDENTIALS = ("account", "project token", "token of another environment", "another workspace", "none")
OBJECTS = ("own", "of another environment", "of another project")
FOREIGN = "other-workspace-token"
NAMES = {
    *("id", "projectId", "environmentId", "serviceId", "volumeId", "deploymentId"),
    *("serviceDomainId", "sourceEnvironmentId", "workspaceId"),
}


class Things:
    """One environment with one of each thing that an operation may name, all of it in no other environment."""

    def __init__(self, world: World, environment_id: str, name: str) -> None:
        at = {"projectId": world.project_id, "environmentId": environment_id}
        made = world.service(name, environmentId=environment_id)
        patch = {
            "source": {"image": "ghcr.io/example/web:1"},
            "networking": {
                "serviceDomains": {f"{name}-{world.project_id[:8]}.up.railway.app": {}},
                "customDomains": {f"{name}-{world.project_id[:8]}.example.com": {}},
                "tcpProxies": {"5432": {}},
            },
        }
        world.commit({"services": {made: patch}}, environment_id=environment_id)
        world.settled(made, environment_id)
        volume = "mutation v($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"
        token = "mutation t($input: ProjectTokenCreateInput!) { projectTokenCreate(input: $input) }"
        self.volume = world.run(volume, input={**at, "mountPath": "/data"})["volumeCreate"]["id"]
        self.token = world.run(token, input={**at, "name": name})["projectTokenCreate"]
        tokens = "query t($p: String!) { projectTokens(projectId: $p) { edges { node { id environmentId } } } }"
        listed = nodes(world.run(tokens, p=world.project_id)["projectTokens"])
        snapshot = world.emulator.admin("GET", f"/snapshot?environment={environment_id}")
        of_kind = {
            kind: snapshot[kind][0]["id"] for kind in ("domain", "custom_domain", "tcp_proxy", "volume_instance")
        }
        (mine,) = [row["id"] for row in listed if row["environmentId"] == environment_id]
        patches = "query p($e: String!) { environmentPatches(environmentId: $e) { edges { node { id } } } }"
        (patch_row,) = nodes(world.run(patches, e=environment_id)["environmentPatches"])
        self.ids = {
            **of_kind,
            "project": world.project_id,
            "environment": environment_id,
            "service": made,
            "volume": self.volume,
            "deployment": snapshot["deployment"][0]["id"],
            "project_token": mine,
            "patch": patch_row["id"],
        }


class Scene:
    """An emulator with two environments of one project and one of another, and who may ask."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        world, stranger = World.new(emulator), World.new(emulator)
        # A service made in a fork is there alone, so both environments are forks.
        first, second = world.fork("first"), world.fork("second")
        self.things = {
            "own": Things(world, first, "own"),
            "of another environment": Things(world, second, "other"),
            "of another project": Things(stranger, stranger.environment_id, "strange"),
        }
        self.headers: dict[str, dict[str, str]] = {
            "account": {"Authorization": f"Bearer {emulator.token}"},
            "project token": {"Project-Access-Token": self.things["own"].token},
            "token of another environment": {"Project-Access-Token": self.things["of another environment"].token},
            "another workspace": {"Authorization": f"Bearer {FOREIGN}"},
            "none": {},
        }

    def is_let_through(self, operation: str, credential: str, of: str) -> bool:
        """Tell whether an operation is not refused; nothing that it does remains."""
        return "Not Authorized" not in self.refusals(operation, credential, self.things[of].ids)

    def refusals(self, operation: str, credential: str, ids: dict[str, str]) -> list[str]:
        """Play an operation with the ids of things, by their kinds, and return the errors' words."""
        arguments = dict(_arguments(operation, ids))
        document = f"{_kind(operation)} {{ {operation}{_written(arguments)}{_selection(operation)} }}"
        answer = self.emulator.post(document, headers=self.headers[credential]).json()
        messages = [str(error["message"]) for error in answer.get("errors", [])]
        assert not any(
            error.get("extensions", {}).get("code") == "GRAPHQL_VALIDATION_FAILED" for error in answer.get("errors", [])
        ), messages
        return messages

    def may_subscribe(self, operation: str, credential: str, of: str) -> bool:
        """Tell whether a subscription is not refused."""
        arguments = {name: value for name, value in _arguments(operation, self.things[of].ids) if name in NAMES}
        document = f"subscription {{ {operation}{_written(arguments)} {{ __typename }} }}"
        with Subscriber(self.emulator, headers=self.headers[credential]) as socket:
            socket.subscribe(document)
            message = socket.receive()
        assert message["type"] == "next", message
        return "Not Authorized" not in [error["message"] for error in message["payload"].get("errors", [])]


def _kind(operation: str) -> str:
    return "mutation" if operation in MUTATIONS else "query"


def _selection(operation: str) -> str:
    kind = get_named_type(FIELDS[operation].type)
    return " { __typename }" if hasattr(kind, "fields") else ""


def _arguments(operation: str, ids: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Return what an operation needs, and every id that it may be given; with the ids of the things."""
    for name, argument in FIELDS[operation].args.items():
        kind = get_named_type(argument.type)
        if isinstance(kind, GraphQLInputObjectType):
            inner = {
                key: _value(operation, key, field.type, ids)
                for key, field in kind.fields.items()
                if key in NAMES or is_required_input_field(field)
            }
            yield name, inner
        elif name in NAMES or isinstance(argument.type, GraphQLNonNull):
            yield name, _value(operation, name, argument.type, ids)


def _value(operation: str, name: str, type_: Any, ids: dict[str, str]) -> Any:
    if name == "workspaceId":
        return WORKSPACE["id"]
    found = list(named(operation, {name: "x"}))
    if found:
        return ids[found[0][0]]
    kind: GraphQLNamedType = get_named_type(type_)
    return {"Int": 1, "Boolean": True, "JSON": {}, "EnvironmentConfig": {}, "EnvironmentVariables": {}}.get(
        kind.name, "x"
    )


def _written(value: Any) -> str:
    """Return arguments as GraphQL spells them."""

    def text(one: Any) -> str:
        if isinstance(one, dict):
            return "{" + ", ".join(f"{key}: {text(inner)}" for key, inner in one.items()) + "}"
        return str(one).lower() if isinstance(one, bool) else f'"{one}"' if isinstance(one, str) else str(one)

    return f"({', '.join(f'{key}: {text(one)}' for key, one in value.items())})" if value else ""


def _kinds(operation: str) -> set[str]:
    """Return the kinds of objects that an operation is given."""
    return {kind for kind, _ in named(operation, dict(_arguments(operation, dict.fromkeys(KINDS, "x"))))}


def names_something(operation: str) -> bool:
    """Tell whether an operation is given an object of somebody's."""
    return bool(_kinds(operation))


def names_workspace(operation: str) -> bool:
    """Tell whether an operation is given a workspace."""
    return "workspaceId" in str(dict(_arguments(operation, dict.fromkeys(KINDS, "x"))))


KINDS = (
    *("project", "environment", "service", "volume", "deployment", "project_token"),
    *("domain", "custom_domain", "tcp_proxy", "volume_instance", "patch"),
)


def expected(operation: str, credential: str, of: str) -> bool:
    """Say who may: the matrix in words."""
    if operation in PUBLIC:
        return True
    if credential == "none":
        return False
    if operation in ANY_TOKEN or credential == "account":
        return True
    if credential == "another workspace":
        return not names_something(operation) and not names_workspace(operation)
    mine = {"project token": "own", "token of another environment": "of another environment"}[credential]
    # Both environments are of one project, which is all that some operations name.
    is_shared = _kinds(operation) == {"project"} and of != "of another project"
    return operation not in ACCOUNT and (of == mine or is_shared)


def in_turn(cell: tuple[str, str, str]) -> tuple[bool, ...]:
    """Return when to play what is let through, which happens: what deletes comes last, a project at the very end."""
    operation, credential, _ = cell
    # A copy of an environment shares its volumes, which no project token deletes then.
    deletes = "Delete" in operation or operation == "environmentCreate"
    of_project = operation.startswith(("project", "environmentDelete"))
    return deletes, credential == "account", operation == "serviceDelete", of_project, operation != "projectTokenDelete"


def is_played(operation: str, credential: str, of: str) -> bool:
    """Tell whether a cell that is let through can be played: a thing is deleted once, by the least that may."""
    if operation == "projectScheduleDeleteCancel" or credential == "none":
        return operation in PUBLIC
    if "Delete" not in operation:
        return True
    least = "account" if operation in ACCOUNT or of == "of another project" else {"own": "project token"}.get(of)
    is_again = operation in {"projectDelete", "projectScheduleDelete"} and of == "of another environment"
    return credential == (least or "token of another environment") and not is_again


def test_who_may_is_let_through_and_nobody_else(tmp_path: Path) -> None:
    cells = list(itertools.product(FIELDS, CREDENTIALS, OBJECTS))
    with running_emulator(tmp_path, deploy_step_seconds=0, other_workspace_token=FOREIGN) as emulator:
        scene = Scene(emulator)
        closed = [cell for cell in cells if not expected(*cell)]
        assert len(closed) > 800
        assert [cell for cell in closed if scene.is_let_through(*cell)] == []
        opened = sorted((cell for cell in cells if expected(*cell) and is_played(*cell)), key=in_turn)
        assert len(opened) > 300
        assert {cell[0] for cell in opened} == FIELDS.keys() - {"projectScheduleDeleteCancel"}
        assert [cell for cell in opened if not scene.is_let_through(*cell)] == []


def test_things_of_two_projects_and_empty_ids_are_refused_whoever_asks(tmp_path: Path) -> None:
    naming = {name: _kinds(name) for name in FIELDS if names_something(name) and name not in ANY_TOKEN}
    with running_emulator(tmp_path, deploy_step_seconds=0) as emulator:
        scene = Scene(emulator)
        own, strange = scene.things["own"].ids, scene.things["of another project"].ids
        before = [emulator.snapshot(ids["environment"]) for ids in (own, strange)]
        mixed = [(name, kind) for name, kinds in naming.items() if len(kinds) > 1 for kind in kinds]
        assert len(mixed) > 50
        for name, kind in mixed:
            said = scene.refusals(name, "account", {**own, kind: strange[kind]})
            assert {"Not Authorized", "ServiceInstance not found"} & set(said), (name, kind, said)
        for name, kinds in naming.items():
            for kind in kinds:
                said = scene.refusals(name, "account", {**own, kind: ""})
                assert said, (name, kind)
                assert all(one.endswith(" not found") for one in said), (name, kind, said)
        assert [emulator.snapshot(ids["environment"]) for ids in (own, strange)] == before


def test_a_subscription_is_decided_as_the_query_of_its_name(tmp_path: Path) -> None:
    assert len(STREAMS) > 3
    assert STREAMS.keys() <= FIELDS.keys() - MUTATIONS
    with running_emulator(tmp_path, deploy_step_seconds=0, other_workspace_token=FOREIGN) as emulator:
        scene = Scene(emulator)
        cells = list(itertools.product(STREAMS, CREDENTIALS, OBJECTS))
        assert [cell for cell in cells if scene.may_subscribe(*cell) != expected(*cell)] == []


def test_every_operation_is_told_by_what_it_names() -> None:
    nameless = {name for name in FIELDS if not names_something(name)}
    assert nameless <= ANY_TOKEN | ACCOUNT | PUBLIC
    assert FIELDS.keys() >= ACCOUNT | ANY_TOKEN | DEPLOYING

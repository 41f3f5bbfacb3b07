"""The config and state that a stack has before an adoption. A repeated adoption loses nothing of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ops.adopt import databases
from ops.status import recorded
from stack.databases import KEY as DATABASES
from stack.settings import KEYS, PLAIN_KEYS

if TYPE_CHECKING:
    from ops.adopt.config import Described

DERIVED = frozenset(
    {
        *(
            "project",
            "projectId",
            "environment",
            "environmentId",
            "adopted",
            "adoptedFrom",
            "poolKeeps",
            "databaseKeeps",
            "databases",
        ),
        *("sealKeys", "pinImages", "manageCanary", "manageRollouts", "manageDatabase", "poolKeepToken"),
        *("poolDomain", "poolVolume", "poolProxyPort", "poolService", "poolRootDirectory", "poolHealthPath"),
        *("databaseService", "databaseUser", "databaseName", "databasePort", "databaseMountPath", "databaseProxy"),
        *("databaseServiceUrl", "imageRepository", "imageBranchTag", "imageTag", "canaryService"),
        *("poolImage", "poolRepo", "poolBranch", "poolBuild", "databaseImage", "healthTimeout"),
    }
)
"""Keys that describe an environment: values that are read from it replace those of the file."""
_SET_BY_PEOPLE = ("protect", "manageSchema")
"""Keys that an adoption sets with caution and people set as they like."""
_OF_STATE = {
    "Canary": "canary",
    "Agents": "rollouts",
    "DatabaseSchema": "schema",
    "Image": "pin",
    "ProjectToken": "token",
}
_OTHER = "convos:index:RailwayService$"
"""A part of the names of resources that belong neither to the pool manager nor to the database that it uses."""
_SECRETS = {"POOL_API_KEY": "poolApiKey", "RAILWAY_API_TOKEN": "poolRailwayToken"}


@dataclass(frozen=True)
class Before:
    """A stack before a repeated adoption.

    Attributes:
        plain, secrets: the config of its file, as in `Described`.
        state: the resources in its state, with decrypted secrets.
    """

    plain: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    state: Sequence[Mapping[str, Any]] = field(default=(), repr=False)

    @property
    def known(self) -> dict[str, str]:
        """Its secrets, by the config's path; those of the file take precedence."""
        return {**dict(self._of_state()), **self.secrets}

    @property
    def stored(self) -> dict[str, dict[str, str]]:
        """The variables in its state of databases other than the pool manager's, by service."""
        inputs = [recorded.opened(row["inputs"]) for row in self._services() if _OTHER in str(row.get("urn"))]
        return {str(one.get("service")): dict(one.get("variables") or {}) for one in inputs}

    @property
    def improvements(self) -> tuple[str, ...]:
        """The improvements in its state: if they were switched off, the next update would revert them."""
        kinds = {str(row["type"]).rpartition(":")[2] for row in self.state}
        found = [name for kind, name in _OF_STATE.items() if kind in kinds]
        sealed = any((row.get("inputs") or {}).get("sealedVariables") for row in self._services())
        return (*found, *(("seal",) if sealed else ()))

    def _services(self) -> Iterator[Mapping[str, Any]]:
        yield from (row for row in self.state if str(row["type"]).endswith(":ServiceInstance"))

    def _of_state(self) -> Iterator[tuple[str, str]]:
        for row in self._services():
            inputs = recorded.opened(row.get("inputs") or {})
            variables = inputs.get("variables") or {}
            sealed = inputs.get("sealedVariables") or ()
            if "POSTGRES_PASSWORD" in variables and _OTHER not in str(row.get("urn")):
                yield "databasePassword", str(variables["POSTGRES_PASSWORD"])
            if "POOL_API_KEY" not in variables or "DATABASE_URL" not in variables:
                continue
            for name, value in variables.items():
                if name in _SECRETS:
                    yield _SECRETS[name], str(value)
                elif name in sealed and name not in PLAIN_KEYS and name != "POOL_AGENT_REGISTRY_PASSWORD":
                    yield f"keys.{name}", str(value)
                elif name == "POOL_AGENT_REGISTRY_PASSWORD":
                    yield "registryPassword", str(value)


def opened(config: Mapping[str, Mapping[str, Any]], project: str) -> Before:
    """Read a stack's config from the output of `pulumi config --json --show-secrets`.

    Args:
        config: key with the project's prefix -> its value and whether it is a secret.
        project: the prefix.
    """
    plain: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for key, row in config.items():
        name = key.removeprefix(f"{project}:")
        if name == "keys":
            for one, value in _object(row).items():
                if one in PLAIN_KEYS:
                    plain.setdefault("keys", {})[one] = str(value)
                else:
                    secrets[f"keys.{one}"] = str(value)
        elif name == DATABASES:
            entries, hidden = databases.parted(_object(row))
            plain[name] = entries
            secrets |= hidden
        elif row.get("secret"):
            secrets[name] = str(row.get("value") or "")
        else:
            plain[name] = _flag(name, row.get("value"))
    return Before(plain, {key: value for key, value in secrets.items() if value})


def _object(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object of a key, also if it was set as JSON in one text, as the program accepts both."""
    try:
        found = row.get("objectValue") or json.loads(str(row.get("value") or "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _flag(name: str, value: object) -> object:
    """Convert the value of a switch to a boolean: Pulumi returns all values as texts."""
    is_flag = name in KEYS and KEYS[name].type == "boolean"
    return value == "true" if is_flag and value in ("true", "false") else value


def merged(new: Described, before: Before) -> Described:
    """Return the new config, completed by everything in the file and the state that Railway does not show."""
    plain = {key: value for key, value in before.plain.items() if key not in DERIVED and key != "keys"}
    kept = {key: before.plain[key] for key in _SET_BY_PEOPLE if key in before.plain}
    keys = {**(before.plain.get("keys") or {}), **(new.plain.get("keys") or {})}
    known = {key: value for key, value in before.known.items() if key.partition(".")[0] not in DERIVED}
    secrets = {**known, **new.secrets}
    if new.plain.get("poolKeepToken"):
        secrets.pop("poolRailwayToken", None)
    return replace(new, plain={**plain, **new.plain, **kept, **({"keys": keys} if keys else {})}, secrets=secrets)


def differences(before: Before, after: Described) -> Iterator[str]:
    """Yield the changes to the file, one line each; never the value of a secret."""
    old, new = _flat(before.plain), _flat(after.plain)
    for key in sorted({*old, *new}):
        if key not in old:
            yield f"+ {key}: {new[key]}"
        elif key not in new:
            yield f"- {key}: {old[key]}"
        elif _text(old[key]) != _text(new[key]):
            yield f"~ {key}: {old[key]} -> {new[key]}"
    for key in sorted({*before.secrets, *after.secrets}):
        if key not in before.secrets:
            yield f"+ {key} (secret)"
        elif key not in after.secrets:
            yield f"- {key} (secret)"
        elif before.secrets[key] != after.secrets[key]:
            yield f"~ {key} (secret, new value)"


def _flat(plain: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return the values by their paths."""
    found: dict[str, Any] = {}
    for key, value in plain.items():
        found |= _flat(value, f"{where}{key}.") if isinstance(value, Mapping) else {f"{where}{key}": value}
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Writes `databases` of the config: the databases of a live environment other than the pool manager's. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components import defaults
from convos_infra.errors import InfraError
from convos_infra.railway import rules
from convos_infra.railway.environment_config import at, live_variables
from convos_infra.railway.resources.properties import variable_failures
from pool_contract.service_names import agents_in
from stack.database import NONE
from stack.databases import KEY, VARIABLE_NAME, VARIABLES, is_open

if TYPE_CHECKING:
    from ops.adopt.config import AdoptionInputs
    from ops.adopt.live import Live

_IMAGES = re.compile(
    r"postgres|pgvector|postgis|timescale|cockroach|mysql|mariadb|redis|valkey|keydb|dragonfly|mongo|clickhouse"
    r"|elasticsearch|opensearch|qdrant|neo4j|influxdb"
)
"""A part of the last component of a database image's name."""
_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")


def databases(live: Live, others: Collection[str]) -> list[str]:
    """Return the names of the services that are databases, judging by their image.

    Args:
        live: the environment.
        others: the names of services that already have another role.
    """
    names = [name for name in live.names() if name not in others and name == name.strip()]
    names = [name for name in names if live.names().count(name) == 1]
    agents = agents_in({name: name for name in names}, others)
    return [name for name in names if name not in agents and _is_database(live.service(name)[1])]


def chosen(live: Live, names: Sequence[str], others: Collection[str]) -> list[str]:
    """Return the services that were explicitly named as databases.

    Raises:
        InfraError: one does not exist, or has another role.
    """
    for name in names:
        if live.names().count(name) != 1:
            listed = ", ".join(live.names()) or "none"
            raise InfraError("DATABASES", f"the environment has no service {name!r}", f"it has: {listed}")
        if name in others or name != name.strip():
            problem = "has another role already" if name in others else "begins or ends with whitespace"
            raise InfraError("DATABASES", f"{name!r} {problem}", "leave it out")
    return list(dict.fromkeys(names))


def image_of(config: Mapping[str, Any]) -> str:
    """Return the image of a service; empty if it has none, or one that the program does not accept."""
    image = str(at(config, ("source", "image")) or "")
    return image if image and image == image.strip() and not rules.image_problem(image) else ""


def _is_database(config: Mapping[str, Any]) -> bool:
    image = str(at(config, ("source", "image")) or "").lower()
    return bool(_IMAGES.search(image.rpartition("/")[2].partition("@")[0].partition(":")[0]))


def described(live: Live, names: Sequence[str], given: AdoptionInputs) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the entries by name, and their secrets by the config's path.

    Args:
        live: the environment.
        names: the names of the services.
        given: the stack's previous values: entries keep their names, and its copy of a sealed value is the only one.
    """
    entries: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    before = given.databases
    was = {str(entry.get("service") or name): name for name, entry in before.items() if isinstance(entry, Mapping)}
    for service in names:
        name = was.get(service) or _free(service, {*entries, *was.values()})
        where = f"{KEY}.{name}.{VARIABLES}."
        values = live_variables(live.service(service)[1])
        known = {one: value for one, value in given.stored.get(service, {}).items() if _is_recorded(one, value)}
        known |= {path.removeprefix(where): value for path, value in given.known.items() if path.startswith(where)}
        kept = [one for one in known if values.get(one, "") is None]
        secrets |= {f"{where}{one}": known[one] for one in kept}
        told = {one: value for one, value in values.items() if value is not None and _is_recorded(one, value)}
        plain = {one: value for one, value in told.items() if is_open(one, value)}
        secrets |= {f"{where}{one}": value for one, value in told.items() if one not in plain}
        shape = dict(_shape(live, service, name, kept))
        entries[name] = {**shape, **({VARIABLES: plain} if plain else {})}
    return entries, secrets


def _free(service: str, taken: Collection[str]) -> str:
    base = _NOT_IN_NAME.sub("-", service.lower()).strip("-")[:40].strip("-") or "database"
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def _shape(live: Live, service: str, name: str, kept: Sequence[str]) -> Iterator[tuple[str, Any]]:
    _, config = live.service(service)
    image = image_of(config)
    volumes, proxies = live.volumes(service), live.proxies(service)
    keeps = sorted({*kept, *([] if image else ["image"])})
    if service != name:
        yield "service", service
    if image:
        yield "image", image
    if len(volumes) == 1 and volumes[0] != NONE:
        yield "mountPath", volumes[0]
    if len(proxies) == 1:
        yield "proxy", True
        if proxies[0] != defaults.DATABASE_PORT:
            yield "port", str(proxies[0])
    if keeps:
        yield "keeps", " ".join(keeps)


def parted(entries: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the entries of a stack's file without their secrets, and the secrets by the config's path."""
    plain: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for name, entry in entries.items():
        if not isinstance(entry, Mapping):
            continue
        values = {one: str(value) for one, value in (entry.get(VARIABLES) or {}).items()}
        secrets |= {
            f"{KEY}.{name}.{VARIABLES}.{one}": value for one, value in values.items() if not is_open(one, value)
        }
        open_ones = {one: value for one, value in values.items() if is_open(one, value)}
        rest = {one: value for one, value in entry.items() if one != VARIABLES}
        plain[name] = {**rest, **({VARIABLES: open_ones} if open_ones else {})}
    return plain, secrets


def _is_recorded(name: str, value: str) -> bool:
    """Tell whether the config can store a variable: Pulumi removes a line break at the end of a value."""
    is_text = not value.endswith(("\n", "\r"))
    return bool(VARIABLE_NAME.fullmatch(name)) and is_text and not variable_failures(VARIABLES, {name: value})

"""Adapts the draft of a config so that the first update changes only what was chosen: `fitted`. Pure.

The comparison of an update finds the differences, and they are then left to Railway: improvements that the environment
lacks are switched off, and every other difference is listed in `poolKeeps` and `databaseKeeps`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from components.database import VARIABLE as PASSWORD
from convos_infra.errors import InfraError
from convos_infra.railway import takeover
from convos_infra.railway.environment_config import live_variables
from convos_infra.registry.reference import parse
from ops.adopt import compare
from ops.adopt.config import SOURCE, Described, MissingValue
from ops.adopt.improvement import DATABASE_KEEPS, IMPROVEMENTS, POOL_KEEPS, Offer, with_names
from pool_contract.keys import is_reserved
from stack import settings
from stack.agent_keys import PLAIN_KEYS
from stack.database import NONE
from stack.databases import KEY as DATABASES
from stack.rollout import RolloutPolicy
from stack.section import config_keys

if TYPE_CHECKING:
    from ops.adopt.live import DigestOf, Live, Roles
    from stack.problem import Problem

_ROUNDS = 40
"""More than the kinds of differences: each round either resolves one or ends."""
_IMAGE = ("imageRepository", "imageBranchTag", "imageTag")
_POOL_SOURCE = ("poolImage", "poolRepo", "poolBranch")
_ROLLOUT = frozenset(one.name for one in config_keys(RolloutPolicy) if one.variable)
_VARIABLE_OF = {"databasePassword": PASSWORD, "databaseUser": "POSTGRES_USER", "databaseName": "POSTGRES_DB"}


@dataclass(frozen=True)
class Fitting:
    """The constants while a config is fitted.

    Attributes:
        stack: the stack's name.
        live: the environment.
        roles: the roles of the services.
        digest_of: resolves `repository:tag` to the registry's current digest.
        environ: the program's environment variables.
        chosen: the names of the requested improvements.
    """

    stack: str
    live: Live
    roles: Roles
    digest_of: DigestOf
    environ: Mapping[str, str]
    chosen: Collection[str] = ()

    def read(self, described: Described) -> settings.Settings:
        """Read a config like the program does.

        Raises:
            ConfigError: the config is invalid.
        """
        return settings.read(self.stack, described.values(), self.environ, is_secret=described.is_secret)


def fitted(draft: Described, how: Fitting) -> Described:
    """Return the config with which the first update changes only what was chosen.

    Raises:
        InfraError: there is no such config.
    """
    described = _prepared(draft, how)
    for _ in range(_ROUNDS):
        try:
            read = how.read(described)
        except settings.ConfigError as error:
            better = _without(described, error, how)
        else:
            better = _closer(described, read, how)
        if better == described:
            return _witnessed(described, how)
        described = better
    raise InfraError(
        how.stack, "no config of this program describes the environment", "tell the maintainers, and attach the report"
    )


def _witnessed(described: Described, how: Fitting) -> Described:
    """Return the config with the fingerprint of the environment that it describes."""
    read = how.read(described)
    names = [row.subject for row in compare.services(read, how.live, how.digest_of) if row.state == compare.ADOPTED]
    ids = [how.live.service(name)[0] for name in names]
    seen = takeover.fingerprint(ids, how.live.snapshot.config)
    return replace(described, secrets={**described.secrets, "adoptedFrom": seen})


def offers(described: Described, how: Fitting) -> Iterator[Offer]:
    """Yield every improvement that a config lacks, with its changes."""
    before = {name for row in compare.services(how.read(described), how.live, how.digest_of) for name in _names(row)}
    for one in IMPROVEMENTS.values():
        has_database = how.roles.database or "databaseUrl" in described.secrets
        if one.is_on(described.values()) or (one.needs_database and not has_database):
            continue
        try:
            rows = list(compare.services(how.read(one.chosen(described)), how.live, how.digest_of))
        except settings.ConfigError as error:
            yield Offer(one.name, one.about, one.one_way, problem=error.found[0].what)
            continue
        changed = {name for row in rows for name in _names(row)} - before
        deployments = sum(row.deployments for row in rows)
        if one.name == "token" and "RAILWAY_API_TOKEN" not in changed:
            # A sealed token cannot be compared, but a new token is always a change.
            changed, deployments = {*changed, "RAILWAY_API_TOKEN"}, max(deployments, 1)
        yield Offer(one.name, one.about, one.one_way, sorted(changed), deployments)


def _names(row: compare.ReportRow) -> list[str]:
    return [f"{row.subject} (new)"] if row.state == compare.MADE else list(row.changed)


def _prepared(draft: Described, how: Fitting) -> Described:
    """Return the draft with the chosen improvements, leaving to Railway what cannot be compared."""
    told = live_variables(how.live.service(how.roles.pool_manager)[1])
    is_known = "poolApiKey" in draft.secrets
    # `poolKeepToken` keeps the token; a key that was given is the sealed one.
    others = {"RAILWAY_API_TOKEN", "POOL_API_KEY"}
    kept = [name for name, value in told.items() if value is None and is_reserved(name) and name not in others]
    kept += [] if is_known else ["POOL_API_KEY"]
    if draft.plain.get("manageDatabase") is False and "databaseServiceUrl" not in draft.secrets:
        kept.append("DATABASE_URL")
    plain = with_names(draft.plain, POOL_KEEPS, kept)
    if how.roles.database and "databasePassword" not in draft.secrets:
        plain = with_names(plain, DATABASE_KEEPS, [PASSWORD])
    described = replace(draft, plain=plain)
    for name in how.chosen:
        if IMPROVEMENTS[name].needs_database and not (how.roles.database or "databaseUrl" in draft.secrets):
            raise InfraError("WITH", f"{name}: the environment has no database of its own", "leave it out")
        described = IMPROVEMENTS[name].chosen(described)
    return described


def _closer(described: Described, read: settings.Settings, how: Fitting) -> Described:
    """Return a config with fewer differences from the environment; the same one if only chosen changes are left."""
    rows = list(compare.services(read, how.live, how.digest_of))
    off = _switched_off(described, read, how, rows)
    if off is not None:
        return off
    plain: dict[str, Any] = dict(described.plain)
    for row in rows:
        changed = [name for name in row.changed if not _is_chosen(name, read, how)]
        if row.subject == read.pool.service:
            plain = _left(plain, changed, POOL_KEEPS, ("poolDomain", "poolProxyPort", "poolVolume"))
        elif row.subject == read.database.service:
            plain = _left(plain, changed, DATABASE_KEEPS, ("", "databaseProxy", "databaseMountPath"))
        else:
            entries = dict(plain.get(DATABASES) or {})
            named = [name for name, entry in read.databases.items() if entry.service == row.subject]
            for name in named:
                entries[name] = _left(entries[name], changed, "keeps", ("", "proxy", "mountPath"))
            plain |= {DATABASES: entries} if entries else {}
    return replace(described, plain=plain)


def _switched_off(
    described: Described, read: settings.Settings, how: Fitting, rows: Collection[compare.ReportRow]
) -> Described | None:
    """Return the config with one more improvement off; None if the environment has every one that is on."""
    by_name = {row.subject: row for row in rows}
    pool, first = by_name[read.pool.service].changed, by_name.get(read.improvements.canary_service)
    unfit = {
        "pin": read.improvements.pin and (_is_unpinned(read, how) or _touched("pin", pool)),
        "seal": read.improvements.seal and bool(_secret(read) & set(pool) & _readable(read, how)),
        "rollouts": read.improvements.rollouts and _touched("rollouts", pool),
        "canary": first is not None and (first.state == compare.MADE or bool(first.changed)),
    }
    for name, is_unfit in unfit.items():
        if is_unfit and name not in how.chosen:
            return replace(described, plain={**described.plain, IMPROVEMENTS[name].flag: False})
    return None


def _readable(read: settings.Settings, how: Fitting) -> set[str]:
    """Return the pool manager's unsealed variables."""
    told = live_variables(how.live.service(read.pool.service)[1])
    return {name for name, value in told.items() if value is not None}


def _touched(improvement: str, names: Collection[str]) -> bool:
    return any(IMPROVEMENTS[improvement].touches(name) for name in names)


def _is_unpinned(read: settings.Settings, how: Fitting) -> bool:
    """Tell whether the registry cannot resolve an image's tag, which would stop an update."""
    references = [read.image.reference, *([read.pool.image] if read.pool.image else [])]
    found = [parse(reference) for reference in references]
    return any(one.tag and not how.digest_of(f"{one.location}:{one.tag}") for one in found)


def _is_chosen(name: str, read: settings.Settings, how: Fitting) -> bool:
    return any(IMPROVEMENTS[one].touches(name) or (one == "seal" and name in _secret(read)) for one in how.chosen)


def _secret(read: settings.Settings) -> set[str]:
    """Return the variables of the pool manager that sealing affects."""
    return {name for name in read.all_keys if name not in PLAIN_KEYS} | {"POOL_API_KEY", "RAILWAY_API_TOKEN"}


def _left(
    plain: Mapping[str, Any], changed: Collection[str], keeps: str, parts: tuple[str, str, str]
) -> dict[str, Any]:
    """Return a config that leaves the differences to Railway; `parts` are the keys of domain, proxy and volume."""
    domain, proxy, volume = parts
    left = dict(plain)
    if compare.DOMAIN in changed:
        left[domain] = False
    if compare.PROXY in changed:
        left.pop("poolProxyPort", None)
        left |= {proxy: False} if keeps != POOL_KEEPS else {}
    if compare.VOLUME in changed:
        left.pop("poolVolume", None)
        left |= {volume: NONE} if keeps != POOL_KEEPS else {}
    rest = [name for name in changed if name not in (compare.DOMAIN, compare.PROXY, compare.VOLUME)]
    return with_names(left, keeps, rest)


def _without(described: Described, error: settings.ConfigError, how: Fitting) -> Described:
    """Return a config without the values that the program does not accept; they are kept on Railway.

    Raises:
        InfraError: leaving them out does not help.
    """
    problem = error.found[0]
    if problem.key.startswith(f"{DATABASES}."):
        return _without_entry(described, problem)
    plain, secrets, unread = dict(described.plain), dict(described.secrets), list(described.unread)
    gone, kept = _named(problem.key, described)
    if problem.key in _ROLLOUT and described.plain.get("manageRollouts") is not False:
        # Its keys are checked together, with the defaults of those that are not set.
        left = {key: value for key, value in plain.items() if key not in _ROLLOUT}
        return replace(described, plain={**left, "manageRollouts": False})
    if not gone and not set(kept) - set(str(plain.get(POOL_KEEPS) or "").split()):
        text = "; ".join(error.lines)
        raise InfraError(how.stack, f"this program does not support the environment: {text}")
    for name in gone:
        plain.pop(name, None)
        secrets.pop(name, None)
        key = name.removeprefix("keys.")
        plain["keys"] = {one: value for one, value in (plain.get("keys") or {}).items() if f"keys.{one}" != name}
        unread.append(MissingValue(how.roles.pool_manager, f"{key} ({problem.what}; it is kept)"))
    if not plain.get("keys"):
        plain.pop("keys", None)
    if problem.key == "databaseUrl":
        plain["manageDatabase"] = False
        kept = ["DATABASE_URL"]
    if problem.key in _VARIABLE_OF:
        plain = with_names(plain, DATABASE_KEEPS, kept)
    else:
        plain = with_names(plain, POOL_KEEPS, kept)
    return replace(described, plain=plain, secrets=secrets, unread=tuple(unread))


def _without_entry(described: Described, problem: Problem) -> Described:
    """Return a config without a database that the program does not accept: its service is kept, but not managed."""
    name = problem.key.split(".")[1]
    entries = dict(described.plain[DATABASES])
    service = str(entries.pop(name).get("service") or name)
    rest = {key: value for key, value in described.plain.items() if key != DATABASES}
    secrets = {path: value for path, value in described.secrets.items() if not path.startswith(f"{DATABASES}.{name}.")}
    told = MissingValue(service, f"{problem.key} ({problem.what}; the service is kept)")
    plain = {**rest, **({DATABASES: entries} if entries else {})}
    return replace(described, plain=plain, secrets=secrets, unread=(*described.unread, told))


def _named(key: str, described: Described) -> tuple[list[str], list[str]]:
    """Return the keys of the config that a problem removes, and the variables and attributes that are then kept."""
    present = {*described.plain, *described.secrets, *(f"keys.{one}" for one in described.plain.get("keys") or {})}
    if key.startswith("keys."):
        # A missing key cannot be left out; the keys that need it are left out instead.
        family = f"{key.partition('_')[0]}_"
        gone = [key] if key in present else [name for name in sorted(present) if name.startswith(family)]
        return gone, []
    for group, names in ((_IMAGE, ("RAILWAY_RUNTIME_IMAGE",)), (_POOL_SOURCE, SOURCE)):
        if key in group:
            return [name for name in group if name in present], list(names)
    if key == "manageDatabase":
        return [], ["DATABASE_URL"]
    if key in _VARIABLE_OF:
        return [name for name in (key,) if name in present], [_VARIABLE_OF[key]]
    variable = settings.KEYS[key].variable if key in settings.KEYS else ""
    return [name for name in (key,) if name in present], [variable] if variable else []

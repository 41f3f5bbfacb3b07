"""`databases` of a stack's config: the databases of its environment beside the pool manager's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from components import defaults
from stack import reading
from stack.database import NONE, checked_mount_path
from stack.names import listed
from stack.problem import Problem
from stack.section import ConfigKey, Flag, Section, Text, Whole, config_keys, key, object_key

KEY, VARIABLES = "databases", "variables"
ENTRY_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""The names of variables that need no quotes in a path of `pulumi config set --path`."""
_OPEN_NAMES = frozenset(
    {
        *("PGDATA", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "POSTGRES_USER", "POSTGRES_DB", "SSL_CERT_DAYS"),
        *("REDISHOST", "REDISPORT", "REDISUSER", "MYSQLHOST", "MYSQLPORT", "MYSQLUSER", "MYSQL_DATABASE"),
        *("MONGOHOST", "MONGOPORT", "MONGOUSER", "RAILWAY_DEPLOYMENT_DRAINING_SECONDS", "RAILWAY_RUN_UID"),
    }
)
"""Variables without a secret in Railway's database templates (fact: postgres-variables) (fact: database-variables)."""
_REFERENCES_ALONE = re.compile(r"(?:[a-z]+://)?(?:\$\{\{[^{}]*\}\}|[:/@])*")


def is_open(name: str, value: str) -> bool:
    """Tell whether a variable of a database may be in plain text in a stack's file, because it holds no secret."""
    return name in _OPEN_NAMES or bool(_REFERENCES_ALONE.fullmatch(value))


class FurtherDatabase(Section):
    """One entry of `databases`: a service whose configuration is what the entry describes.

    Attributes:
        variables: value by name; the stack leaves every other variable of the service unchanged.
    """

    service: Text = key("service", "The name of the service on Railway; empty takes the entry's name.")
    image: Text = key("image", "The image of the service.")
    port: Whole = key("port", "The port to which a TCP proxy leads.", defaults.DATABASE_PORT, lowest=1, highest=65535)
    mount_path: Annotated[Text, AfterValidator(checked_mount_path)] = key(
        "mountPath", f"Where the volume of the service is mounted; {NONE} for a service without a volume.", NONE
    )
    proxy: Flag = key("proxy", "Whether the service has a TCP proxy.", default=False)
    keeps: Text = key(
        "keeps",
        "Variables and attributes that are left unchanged on Railway, separated by spaces (make adopt writes this).",
    )
    variables: Mapping[str, str] = object_key(
        "variables",
        "The variables of the service by name. Their values have to be encrypted, except for references and for names"
        " that hold no secret, such as PGPORT.",
    )

    @property
    def kept(self) -> tuple[str, ...]:
        """The names in `keeps`."""
        return listed(self.keeps)

    @property
    def volume(self) -> str:
        """Where its volume is mounted; empty if it has none."""
        return "" if self.mount_path == NONE else self.mount_path


ENTRY_KEYS: Mapping[str, ConfigKey] = {declared.name: declared for declared in config_keys(FurtherDatabase)}
"""The keys of an entry."""


def read(
    values: Mapping[str, Any], *, is_secret: Callable[[str], bool]
) -> tuple[dict[str, FurtherDatabase], list[Problem]]:
    """Return the entries of `databases` by name, and what is wrong with them.

    Args:
        values: a stack's config.
        is_secret: whether `databases` has an encrypted value, and whether `databases.NAME.variables.VARIABLE` is one.
    """
    given = values.get(KEY) or {}
    if not isinstance(given, Mapping):
        return {}, [
            Problem(KEY, "must be an object of names and databases", f"pulumi config set --path {KEY}.NAME.image")
        ]
    found: dict[str, FurtherDatabase] = {}
    wrong: list[Problem] = []
    for name, entry in given.items():
        where = f"{KEY}.{name}"[:120]
        if not ENTRY_NAME.fullmatch(str(name)):
            wrong.append(
                Problem(
                    where,
                    "a name consists of lower-case letters and digits, with '-' only between them",
                    "rename the entry, and set its key service to the service's name on Railway",
                )
            )
        elif not isinstance(entry, Mapping):
            wrong.append(Problem(where, "must be an object", f"its keys are {', '.join(ENTRY_KEYS)}"))
        else:
            found[str(name)], problems = _entry(str(name), entry, is_secret)
            wrong += [Problem(f"{where}.{one.key}", one.what, one.next_step) for one in problems]
    return found, wrong


def _entry(
    name: str, entry: Mapping[str, Any], is_secret: Callable[[str], bool]
) -> tuple[FurtherDatabase, list[Problem]]:
    told = entry.get(VARIABLES) or {}
    variables = told if isinstance(told, Mapping) else {}
    wrong = [
        Problem(one, "no such key", f"the keys are {', '.join(ENTRY_KEYS)}") for one in entry if one not in ENTRY_KEYS
    ]
    if variables is not told:
        wrong.append(Problem(VARIABLES, "must be an object of names and values"))
    kept: dict[str, str] = {}
    for one, value in variables.items():
        path = f"{KEY}.{name}.{VARIABLES}.{one}"
        problem = _variable_problem(str(one), value, path, is_encrypted=is_secret(KEY) and is_secret(path))
        if problem is None:
            kept[str(one)] = value
        else:
            wrong.append(problem)
    given = {one: value for one, value in entry.items() if one in ENTRY_KEYS and one != VARIABLES}
    given = {one: value for one, value in given.items() if value not in (None, "")}
    read, problems = reading.read(FurtherDatabase, {"service": name, **given, VARIABLES: kept}, {})
    if not read.image and "image" not in read.kept:
        problems.append(Problem("image", "is not set", "set it, or name image in keeps"))
    return read, [*wrong, *problems]


def _variable_problem(name: str, value: object, path: str, *, is_encrypted: bool) -> Problem | None:
    where = f"{VARIABLES}.{name}"[:120]
    if not VARIABLE_NAME.fullmatch(name):
        return Problem(where, "a name starts with a letter or '_' and holds letters, digits, '_' and '-'")
    if not isinstance(value, str):
        what = f"must be text, not {type(value).__name__}: YAML did not keep it as it was written"
        return Problem(where, what, f"pulumi config set --path --type string {path}")
    if not is_encrypted and not is_open(name, value):
        return Problem(where, "is in plain text", f"pulumi config set --secret --path {path}")
    return None


def namesakes(entries: Mapping[str, FurtherDatabase], taken: Collection[str]) -> Iterator[Problem]:
    """Yield the entries whose service belongs to another entry, or to another key of the config.

    Args:
        entries: by name.
        taken: the names of the services that other keys of the config declare.
    """
    seen = set(taken)
    for name, entry in entries.items():
        if entry.service in seen:
            what = f"its service {entry.service[:80]!r} is declared a second time in this stack"
            yield Problem(f"{KEY}.{name}", what, "remove the entry, or set its key service to another service")
        seen.add(entry.service)

"""The shape of a stack's database: what its service is called and how it is reached."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated

from pydantic import AfterValidator

from components import defaults
from stack import checks
from stack.names import listed
from stack.problem import Problem
from stack.section import Flag, Section, Text, Whole, key, refused

NONE = "none"
_LONGEST_SHOWN = 80


def checked_mount_path(value: str) -> str:
    """Refuse a text that is neither an absolute path nor `none`."""
    if value != NONE and not value.startswith("/"):
        raise refused(f"must be an absolute path or {NONE}, not {value[:_LONGEST_SHOWN]!r}")
    return value


class DatabaseShape(Section):
    """The keys of the PostgreSQL service on Railway, and of the URL that other services get."""

    managed: Flag = key(
        "manageDatabase",
        "Whether the stack manages a PostgreSQL service and the schema in it; otherwise databases are left unchanged,"
        " and the pool manager is given databaseServiceUrl.",
        default=True,
    )
    service: Text = key("databaseService", "The name of the PostgreSQL service on Railway.", defaults.DATABASE_SERVICE)
    user: Annotated[Text, AfterValidator(checks.identifier)] = key(
        "databaseUser", "The user of the PostgreSQL service.", defaults.DATABASE_USER
    )
    name: Annotated[Text, AfterValidator(checks.identifier)] = key(
        "databaseName", "The database in the PostgreSQL service.", defaults.DATABASE_NAME
    )
    port: Whole = key(
        "databasePort",
        "The port on which the PostgreSQL service listens.",
        defaults.DATABASE_PORT,
        lowest=1,
        highest=65535,
    )
    mount_path: Annotated[Text, AfterValidator(checked_mount_path)] = key(
        "databaseMountPath",
        f"Where the volume of the PostgreSQL service is mounted; {NONE} for a service without a volume.",
        defaults.DATABASE_MOUNT_PATH,
    )
    proxy: Flag = key(
        "databaseProxy",
        "Whether the PostgreSQL service has a TCP proxy, through which the machine that runs Pulumi reaches it.",
        default=True,
    )
    schema_managed: Flag = key(
        "manageSchema", "Whether the stack applies the migrations to the database.", default=True
    )
    service_url: Text = key(
        "databaseServiceUrl",
        "What services are given as the database's URL, best a reference such as ${{postgres.DATABASE_URL}}; empty is"
        " databaseUrl, or the reference to the PostgreSQL service.",
        secret=True,
    )
    keeps: Text = key(
        "databaseKeeps",
        "Variables and attributes of the PostgreSQL service that are left unchanged on Railway, separated by spaces"
        " (make adopt writes this).",
    )

    @property
    def kept(self) -> tuple[str, ...]:
        """The names in `keeps`."""
        return listed(self.keeps)

    @property
    def volume(self) -> str:
        """Where its volume is mounted; empty if it has none."""
        return "" if self.mount_path == NONE else self.mount_path

    def mistakes(self, *, is_elsewhere: bool, is_given: bool) -> Iterator[Problem]:
        """Yield a schema that cannot be reached, and a pool manager without a database.

        Args:
            is_elsewhere: whether `databaseUrl` names an existing database.
            is_given: whether the pool manager has the URL of a database that is not the stack's service.
        """
        if not (self.managed or is_given or self.service_url):
            step = "set databaseServiceUrl, or name DATABASE_URL in poolKeeps"
            yield Problem("manageDatabase", "is false, and the pool manager is given no database's URL", step)
        if self.managed and not is_elsewhere and self.schema_managed and not self.proxy:
            step = "set databaseProxy or databaseUrl, or set manageSchema to false"
            yield Problem("manageSchema", "the database has no TCP proxy through which it could be reached", step)

    def replaceable(self, name: str, others: Collection[str]) -> Iterator[Problem]:
        """Yield a problem if `replaceVolume` does not name a service of the stack with a volume.

        Args:
            name: the value of `replaceVolume`; empty for none.
            others: the services in `databases` with a volume.
        """
        if name and name not in (self.service, *others):
            what = f"must be the name of a service with a volume ({', '.join([self.service, *others])})"
            yield Problem("replaceVolume", f"{what}, not {name[:_LONGEST_SHOWN]!r}")

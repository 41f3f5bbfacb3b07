"""`DatabaseSchema`: the schema of a database as a resource; a preview shows the SQL that an update would run.

The module path and the class names here are part of the state's format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.provider import Props, Provider, has_unknown, is_unknown
from convos_infra.schema import history
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import Job, apply
from convos_infra.schema.connection import connect
from convos_infra.schema.execute import lost_or_refused
from convos_infra.schema.migration import Migration, parse, read_folder
from convos_infra.schema.plan import make_plan

if TYPE_CHECKING:
    from convos_infra.schema.history import Applied

ID = "public"
PREVIEW_SECONDS = 3.0
INPUTS = ("databaseUrl", "target", "baseline", "migrations")
OUTPUTS = ("version", "host", "checksums", "applied", "pending")


@dataclass(frozen=True)
class DatabaseSchemaArgs:
    """The inputs of a `DatabaseSchema`.

    Attributes:
        database_url: `postgresql://user:password@host:port/database`, reachable from where the program runs; a secret.
        target: the last version to apply, such as `0001`; None for the newest.
        baseline: a database without a history is taken to have everything up to this version.
        migrations: texts by file name; None for those that come with the program.
    """

    database_url: pulumi.Input[str]
    target: pulumi.Input[str] | None = None
    baseline: pulumi.Input[str] | None = None
    migrations: Mapping[str, str] | None = None


class DatabaseSchemaProvider(Provider):
    """Plans in the preview, applies in the update, never takes anything away."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Add `pending`, from the database where it answers at once, else from what was applied last."""
        inputs = {key: news.get(key) for key in INPUTS}
        if has_unknown(inputs["migrations"]) or has_unknown([inputs["target"], inputs["baseline"]]):
            return inputs, []
        try:
            migrations = _migrations(inputs)
            pending = self._pending(inputs, olds, migrations)
        except InfraError as error:
            return inputs, [CheckFailure("", str(error))]  # no property: Pulumi would print its value, all the SQL
        return {**inputs, "pending": pending}, []

    def _pending(self, inputs: Props, olds: Props, migrations: tuple[Migration, ...]) -> list[str]:
        applied: tuple[Any, ...] | None = None
        if not is_unknown(inputs["databaseUrl"]):
            applied = _history_if_reachable(str(inputs["databaseUrl"]))
        if applied is None:
            applied = _applied_before(olds)
        plan = make_plan(migrations, applied, inputs["target"] or "", inputs["baseline"] or "")
        return [f"{one.file} (only marked)" for one in plan.baseline] + [one.file for one in plan.pending]

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare what was asked for; pending migrations are a change of their own."""
        del id_
        differs = any(is_unknown(news.get(key)) or olds.get(key) != news.get(key) for key in INPUTS)
        return DiffResult(
            changes=differs or bool(news.get("pending")), replaces=[], stables=[], delete_before_replace=False
        )

    def created(self, props: Props) -> CreateResult:
        """Apply what is pending; what is there already is taken over."""
        return CreateResult(ID, _applied(props))

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Apply what is pending."""
        del id_, olds
        return UpdateResult(_applied(news))

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read the history."""
        address = parse_url(str(props["databaseUrl"]))
        with connect(address, wait_seconds=PREVIEW_SECONDS * 5) as connection:
            try:
                applied = history.read(connection)
            except psycopg.Error as error:
                raise lost_or_refused(f"database {address}", connection, error) from None
        return ReadResult(id_, {**props, **_outputs(str(address), applied)}, {k: props.get(k) for k in INPUTS})

    def deleted(self, id_: str, props: Props) -> None:
        """Leave the tables and their history: a stack's schema is not the stack's data."""
        del id_, props


def _applied(props: Props) -> Props:
    address = parse_url(str(props["databaseUrl"]))
    job = Job(_migrations(props), props.get("target") or "", props.get("baseline") or "")
    return {**props, **_outputs(str(address), apply(address, job))}


def _outputs(host: str, applied: tuple[Applied, ...]) -> Props:
    return {
        "host": host,
        "version": applied[-1].version if applied else "",
        "checksums": {one.file: one.checksum for one in applied},
        "applied": [one.as_output() for one in applied],
    }


def _history_if_reachable(url: str) -> tuple[Applied, ...] | None:
    """Return a database's history; None where it does not answer: a new environment has no database yet."""
    address = parse_url(url)
    try:
        with connect(address, wait_seconds=PREVIEW_SECONDS) as connection:
            return history.read(connection)
    except (InfraError, psycopg.Error):
        return None


def _applied_before(olds: Props) -> tuple[Migration, ...]:
    """Return what the last update applied, as far as its inputs tell."""
    target = olds.get("target")
    if has_unknown(olds.get("migrations")):
        return ()
    return tuple(one for one in _migrations(olds) if not target or one.version <= target)


def _migrations(props: Props) -> tuple[Migration, ...]:
    return parse({name: "\n".join(lines) for name, lines in (props.get("migrations") or {}).items()})


class DatabaseSchema(Resource, module="schema", name="DatabaseSchema"):
    """The schema of a database."""

    version: pulumi.Output[str]
    host: pulumi.Output[str]
    checksums: pulumi.Output[Mapping[str, str]]
    applied: pulumi.Output[list[Mapping[str, Any]]]
    pending: pulumi.Output[list[str]]

    def __init__(self, name: str, args: DatabaseSchemaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        files = read_folder() if args.migrations is None else dict(args.migrations)
        props = {
            **dict.fromkeys(OUTPUTS),
            "databaseUrl": pulumi.Output.secret(args.database_url),
            "target": args.target,
            "baseline": args.baseline,
            # As lines: Pulumi cuts longer texts when it shows them, and the SQL is what a preview is for.
            "migrations": {file: text.split("\n") for file, text in files.items()},
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["databaseUrl"], hide_diffs=["migrations"])
        super().__init__(DatabaseSchemaProvider(), name, props, pulumi.ResourceOptions.merge(opts, secret))

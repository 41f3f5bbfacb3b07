"""`DatabaseSchema`: the schema of a database as a resource. A preview shows the SQL that an update would run.

The module path and the class names are part of the state's format.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import OWNED, is_owned, policy
from convos_infra.provider import Props, Provider, has_unknown, is_unknown
from convos_infra.schema import guards, record
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import Job, State, apply, drifted, inspect
from convos_infra.schema.catalog import fingerprint, shown
from convos_infra.schema.connection import DatabaseUnreachableError
from convos_infra.schema.drop import drop
from convos_infra.schema.job import files_of, job_of
from convos_infra.schema.limits import Limits
from convos_infra.schema.migration import MigrationFile, parse, read_folder
from convos_infra.schema.plan import MigrationPlan, make_plan
from convos_infra.schema.policy import DROP, KEEP, REFUSE

if TYPE_CHECKING:
    from convos_infra.schema.plan import AppliedFile

ID = "public"
PREVIEW_SECONDS = 3.0
READ_SECONDS = 20.0
INPUTS = (
    "databaseUrl",
    "target",
    "baseline",
    "drift",
    "lockTimeout",
    "statementTimeout",
    "connectSeconds",
    "onDestroy",
    "migrations",
)
UNREAD = "unread"
"""Why the last refresh could not read the database, in one line: the recorded values are older."""
OUTPUTS = ("version", "host", "checksums", "applied", "pending", "announced", "fingerprint", "drifted")


@dataclass(frozen=True)
class DatabaseSchemaArgs:
    """The inputs of a `DatabaseSchema`.

    Attributes:
        database_url: `postgresql://user:password@host:port/database`, reachable from the program; a secret.
        target: the last version to apply, such as `0001`; None for the newest.
        baseline: the version that a database without a history already has.
        drift: how an update treats changes made by others: `refuse` to continue, or `accept` them as the new state.
        lock_timeout: how long a statement may wait for a lock, such as `5s`; a file can override it.
        statement_timeout: how long a statement may run, such as `60s`; a file can override it.
        connect_seconds: how long to wait until the database accepts connections, in seconds.
        on_destroy: what happens to the tables when the resource is deleted: `keep` them with their history, or `drop`.
        migrations: texts by file name; None for those of this program.
    """

    database_url: pulumi.Input[str]
    target: str | None = None
    baseline: str | None = None
    drift: str = REFUSE
    lock_timeout: str = Limits.lock_timeout
    statement_timeout: str = Limits.statement_timeout
    connect_seconds: float = Limits.connect_seconds
    on_destroy: str = KEEP
    migrations: Mapping[str, str] | None = None


class DatabaseSchemaProvider(Provider):
    """Plans in the preview and applies in the update; deletes nothing unless `on_destroy` requests it."""

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Add `pending`: read from the database if it answers at once, otherwise from the files of the last update."""
        inputs = {key: news.get(key) for key in INPUTS}
        if has_unknown({key: inputs[key] for key in INPUTS if key != "databaseUrl"}):
            return inputs, []
        try:
            plan, problems = _plan(inputs, olds, job_of(inputs))
        except InfraError as error:
            problems = [error]
            plan = MigrationPlan((), (), "")
        # The failures name no property, because Pulumi would print its value: the SQL of all migrations.
        failures = [CheckFailure("", str(problem)) for problem in problems]
        pending = [f"{one.file} (only marked as applied)" for one in plan.baseline]
        pending += [one.file for one in plan.pending]
        planned = int(olds.get("planned") or 0) + bool(pending)
        return {**inputs, "pending": pending, **({"planned": planned} if planned else {})}, failures

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare the inputs; pending migrations, and drift that a refresh found, also count as changes.

        A refresh calls this too, with the inputs in the state, whose pending migrations the last update has applied.
        The number of the plan (`planned`) distinguishes a new preview from that, even if a database was emptied and the
        same files are pending again.
        """
        del id_
        is_new = bool(news.get("pending")) and news.get("planned") != olds.get("planned")
        differs = any(is_unknown(news.get(key)) or olds.get(key) != news.get(key) for key in INPUTS)
        # A failed read during a refresh counts as one change, and the first successful read after it as another.
        unread = (olds.get(UNREAD) or None) != (news.get(UNREAD) or None)
        changes = differs or is_new or bool(olds.get("drifted")) or unread
        return DiffResult(changes=changes, replaces=[], stables=[], delete_before_replace=False)

    def created(self, props: Props) -> CreateResult:
        """Apply the pending migrations; existing tables are taken over."""
        address, limits = parse_url(str(props["databaseUrl"])), job_of(props).limits
        # With a baseline, others made the tables; with a history, another stack's migrations did.
        owned = not props.get("baseline") and not inspect(address, wait_seconds=limits.connect_seconds).applied
        return CreateResult(ID, {**_applied(props), OWNED: owned})

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Apply the pending migrations."""
        del id_
        # The state of an older release does not record who made them; then only `schemaOnDestroy` decides, as it did.
        return UpdateResult({**_applied(news), OWNED: is_owned(olds, otherwise=True)})

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read the database; if that fails, keep the recorded values, and tell why.

        A failed read does not mean an empty database. It must not prevent the refresh of other resources either: the
        mark makes the next update connect again, and fail if the database is still down.
        """
        address = parse_url(str(props["databaseUrl"]))
        try:
            state = inspect(address, wait_seconds=READ_SECONDS)
        except InfraError as error:
            return _unread(id_, props, str(error))
        inputs = _kept(props)
        # The drift is among the inputs too, so that the next preview shows it as a change.
        found = {"drifted": shown(state.drift)} if state.drift else {}
        # The announcement of the last update is an input in the state: a different value would show as drift.
        announced = list(props.get("announced") or [])
        owned = is_owned(props, otherwise=True)
        outputs = {**inputs, **_outputs(str(address), state, announced), OWNED: owned}
        return ReadResult(id_, outputs, {**inputs, "pending": announced, **found})

    def deleted(self, id_: str, props: Props) -> None:
        """Keep the tables and their history, unless the stack made them and its config requests their deletion."""
        del id_
        if props.get("onDestroy") != DROP:
            return
        if is_owned(props, otherwise=True) or policy(self.setting, os.environ).adopted:
            drop(parse_url(str(props["databaseUrl"])), job_of(props).limits, _tell)
        else:
            _tell(f"keeps the tables of {props.get('host')}: they were there before this stack")


def _unread(id_: str, props: Props, why: str) -> ReadResult:
    """Return the recorded values unchanged, with a mark that the database could not be read."""
    _tell(f"the recorded values are kept, because the database cannot be read: {why}")
    recorded = {key: value for key, value in props.items() if key != UNREAD}
    announced = list(props.get("announced") or [])
    return ReadResult(id_, {**recorded, UNREAD: why}, {**_kept(props), "pending": announced, UNREAD: why})


def _plan(inputs: Props, olds: Props, job: Job) -> tuple[MigrationPlan, list[InfraError]]:
    """Return the plan of an update, and every reason to refuse it, in the order of the update's checks."""
    state = None if is_unknown(inputs["databaseUrl"]) else _state_if_reachable(str(inputs["databaseUrl"]))
    same_database = inputs["databaseUrl"] == olds.get("databaseUrl")
    applied: tuple[AppliedFile, ...] = ()
    if state is not None:
        applied = state.applied
    elif same_database or is_unknown(inputs["databaseUrl"]):
        applied = _applied_before(olds)
    plan = make_plan(job.migrations, applied, job.target, job.baseline)
    timeout = job.limits.statement_timeout
    problems = guards.check(plan.pending, plan.done(job.migrations), statement_timeout=timeout)
    if state is not None and _writes(state, plan, inputs, olds):
        drift = () if job.accept_drift else state.drift_for(plan)
        problems += [] if state.obstacle is None else [state.obstacle]
        problems += [drifted(state, drift)] if drift else []
    return plan, problems


def _writes(state: State, plan: MigrationPlan, inputs: Props, olds: Props) -> bool:
    """Tell whether an update would change the database; without a difference, no update runs."""
    if not plan.is_empty:
        return True
    runs = bool(olds.get("drifted")) or any(olds.get(key) != inputs[key] for key in INPUTS)
    return runs and bool(state.drift)


def _applied(props: Props) -> Props:
    address = parse_url(str(props["databaseUrl"]))
    state = apply(address, job_of(props), _tell)
    outputs = _outputs(str(address), state, list(props.get("pending") or []))
    return {**_kept(props), **outputs}


def _kept(props: Props) -> Props:
    """Return the inputs, and the number of the plan if there was one."""
    planned = {"planned": props["planned"]} if props.get("planned") else {}
    return {**{key: props.get(key) for key in INPUTS}, **planned}


def _tell(line: str) -> None:
    """Print a line while an update runs: Pulumi forwards a provider's standard error."""
    sys.stderr.write(f"schema: {line}\n")
    sys.stderr.flush()


def _outputs(host: str, state: State, announced: list[str]) -> Props:
    return {
        "host": host,
        "version": state.applied[-1].version if state.applied else "",
        "checksums": {one.file: one.checksum for one in state.applied},
        "applied": [one.as_output() for one in state.applied],
        "pending": [],
        "announced": announced,
        "fingerprint": fingerprint(state.catalog),
        "drifted": shown(state.drift),
    }


def _state_if_reachable(url: str) -> State | None:
    """Return the state of a database; None if it does not answer, as a new environment has none yet."""
    try:
        return inspect(parse_url(url), wait_seconds=PREVIEW_SECONDS, for_update=True)
    except DatabaseUnreachableError:
        return None


def _applied_before(olds: Props) -> tuple[MigrationFile, ...]:
    """Return the migrations that the last update applied, according to its inputs."""
    target = olds.get("target")
    if has_unknown(olds.get("migrations")):
        return ()
    return tuple(one for one in files_of(olds) if not target or one.version <= target)


class DatabaseSchema(Resource, module="schema", name="DatabaseSchema"):
    """The schema of a database, with a `Migration` below it for each file.

    Outputs: the `version` of the database, the `host` (with port and database), the `checksums` by file, the `applied`
    migrations with time and role, the `pending` migrations, the catalog's `fingerprint`, and its differences
    (`drifted`).
    """

    version: pulumi.Output[str]
    host: pulumi.Output[str]
    checksums: pulumi.Output[Mapping[str, str]]
    applied: pulumi.Output[list[Mapping[str, Any]]]
    pending: pulumi.Output[list[str]]
    fingerprint: pulumi.Output[str]
    drifted: pulumi.Output[list[str]]
    owned: pulumi.Output[bool | None]

    def __init__(self, name: str, args: DatabaseSchemaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the schema and its files.

        Raises:
            InfraError: a file cannot be read, or is not a migration.
        """
        files = read_folder() if args.migrations is None else dict(args.migrations)
        migrations = parse(files)
        props = {
            **dict.fromkeys(OUTPUTS),
            OWNED: None,
            "databaseUrl": pulumi.Output.secret(args.database_url),
            "target": args.target,
            "baseline": args.baseline,
            "drift": args.drift,
            "lockTimeout": args.lock_timeout,
            "statementTimeout": args.statement_timeout,
            "connectSeconds": args.connect_seconds,
            "onDestroy": args.on_destroy if args.on_destroy != KEEP else None,
            "migrations": files,
        }
        # A new file's SQL is shown by its own record; as an input here, an update would show all files again.
        own = pulumi.ResourceOptions(additional_secret_outputs=["databaseUrl"], hide_diffs=["migrations"])
        super().__init__(DatabaseSchemaProvider(), name, props, pulumi.ResourceOptions.merge(opts, own))
        for migration in migrations:
            file_name = migration.file.removesuffix(".sql")
            record.Migration(f"{name}-{file_name}", migration, pulumi.ResourceOptions(parent=self))

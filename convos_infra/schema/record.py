"""`Migration`: one file of a schema as a record in the state, so that a preview shows a new file's SQL and no other's.

It does nothing outside the state: `DatabaseSchema` applies. The module path and the class names here are part of the
state's format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.provider import Props, Provider

if TYPE_CHECKING:
    from convos_infra.schema.migration import MigrationFile


class MigrationProvider(Provider):
    """Records; there is nothing to make, read or delete."""

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare the texts; the schema itself refuses one that was changed after it was applied."""
        del id_
        differs = olds.get("sql") != news.get("sql") or olds.get("checksum") != news.get("checksum")
        return DiffResult(changes=differs, replaces=[], stables=[], delete_before_replace=False)

    def created(self, props: Props) -> CreateResult:
        """Record it."""
        return CreateResult(str(props["file"]), props)

    def current(self, id_: str, props: Props) -> ReadResult:
        """Return what is recorded."""
        return ReadResult(id_, props, props)

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Record the new text."""
        del id_, olds
        return UpdateResult(news)

    def deleted(self, id_: str, props: Props) -> None:
        """Forget it: what it did stays."""
        del id_, props


class Migration(Resource, module="schema", name="Migration"):
    """One file."""

    checksum: pulumi.Output[str]

    def __init__(self, name: str, file: MigrationFile, opts: pulumi.ResourceOptions | None = None) -> None:
        # The SQL as lines: Pulumi cuts longer texts when it shows them.
        props = {"file": file.file, "checksum": file.checksum, "sql": file.sql.rstrip("\n").split("\n")}
        super().__init__(MigrationProvider(), name, props, opts)

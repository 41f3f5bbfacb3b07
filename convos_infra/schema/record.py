"""`Migration`: one file of a schema, recorded in the state, so that a preview shows the SQL of new files only.

It changes nothing outside the state: `DatabaseSchema` applies the files. The module path and the class names are
part of the state's format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.provider import Props, Provider

if TYPE_CHECKING:
    from convos_infra.schema.migration import MigrationFile


class MigrationProvider(Provider):
    """Only records: nothing is created, read or deleted."""

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare the texts; `DatabaseSchema` refuses a file that was changed after it was applied."""
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
        """Remove the record; the effects of the file stay."""
        del id_, props


class Migration(Resource, module="schema", name="Migration"):
    """One file."""

    checksum: pulumi.Output[str]

    def __init__(self, name: str, file: MigrationFile, opts: pulumi.ResourceOptions | None = None) -> None:
        # The SQL as a list of lines, as Pulumi truncates longer texts in its output.
        props = {"file": file.file, "checksum": file.checksum, "sql": file.sql.rstrip("\n").split("\n")}
        super().__init__(MigrationProvider(), name, props, opts)

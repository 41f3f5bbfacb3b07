"""What the publications of a database publish, and for which tables that makes UPDATE and DELETE fail. Pure.

PostgreSQL refuses to update or delete a row of a published table whose replica identity is missing, is not part of the
column list, or does not contain the columns of the row filter (CREATE PUBLICATION, notes; execReplication.c,
CheckCmdReplicaIdentity). The replica identity is the primary key, unless ALTER TABLE … REPLICA IDENTITY says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from convos_infra.schema.replica_identities import ALL_COLUMNS, ReplicaIdentities
from convos_infra.schema.tree import PUBLIC, dotted, inner, kind_of, named, strings, walk, without_locations, word

if TYPE_CHECKING:
    from convos_infra.schema.known import Known

_ACTIONS = frozenset({"insert", "update", "delete", "truncate"})
_NEED_IDENTITY = frozenset({"update", "delete"})
_JUDGED = frozenset(
    {"create_publication_stmt", "alter_publication_stmt", "alter_table_stmt", "drop_stmt", "alter_object_schema_stmt"}
)


@dataclass(frozen=True)
class PublishedTable:
    """A table of a publication.

    Attributes:
        columns: the columns that are published; None for all.
        filter: its WHERE, as bytes of the parse tree; empty without one.
        filter_columns: the columns in it.
    """

    columns: frozenset[str] | None = None
    filter: bytes = b""
    filter_columns: frozenset[str] = frozenset()

    def renamed(self, old: str, new: str) -> PublishedTable:
        """Return the same with another name of a column."""
        columns = self.columns and frozenset(new if one == old else one for one in self.columns)
        return replace(
            self, columns=columns, filter_columns=frozenset(new if one == old else one for one in self.filter_columns)
        )


@dataclass(frozen=True)
class Publication:
    """A publication.

    Attributes:
        actions: the changes that it publishes.
        has_generated: whether it publishes generated columns.
        is_for_all: whether it publishes every table.
        schemas: the schemas of which it publishes every table.
        tables: its tables, by name.
    """

    actions: frozenset[str] = _ACTIONS
    has_generated: bool = False
    is_for_all: bool = False
    schemas: frozenset[str] = frozenset()
    tables: Mapping[str, PublishedTable] = field(default_factory=dict)

    def has_at_least(self, other: Publication) -> bool:
        """Tell whether it publishes everything that another publication does."""
        kept = all(self.tables.get(name) in (one, PublishedTable()) for name, one in other.tables.items())
        return kept and self.actions >= other.actions and self.schemas >= other.schemas


@dataclass
class Publications:
    """The publications and the replica identities; updated statement by statement."""

    named: dict[str, Publication] = field(default_factory=dict)
    identities: ReplicaIdentities = field(default_factory=ReplicaIdentities)

    def learn(self, kind: str, node: Any, known: Known) -> None:
        """Record what a statement changes.

        Args:
            kind: its kind.
            node: its parse tree.
            known: the objects before it.
        """
        if kind == "create_publication_stmt":
            of_all = Publication(is_for_all=node.for_all_tables)
            self.named[node.pubname] = _added(_set(of_all, node.options), node.pubobjects, known)
        elif kind == "alter_publication_stmt":
            self.named[node.pubname] = altered(self.named.get(node.pubname, Publication()), node, known)
        elif kind == "drop_stmt" and word(node, "remove_type") == "OBJECT_PUBLICATION":
            for one in node.objects:
                self.named.pop(one.string.sval, None)
        elif kind == "rename_stmt" and word(node, "rename_type") == "OBJECT_PUBLICATION":
            self.named[node.newname] = self.named.pop(node.object.string.sval, Publication())
        elif kind == "rename_stmt" and word(node, "rename_type") == "OBJECT_COLUMN":
            self._rename_column(known.relation(node.relation), node.subname, node.newname)
        self.identities.learn(kind, node, known)

    def _rename_column(self, table: str, old: str, new: str) -> None:
        for name, one in self.named.items():
            if table in one.tables:
                self.named[name] = replace(one, tables={**one.tables, table: one.tables[table].renamed(old, new)})

    def rename(self, old: str, new: str) -> None:
        """Rename a table."""
        self.identities.rename(old, new)
        for name, one in self.named.items():
            tables = {new if table == old else table: each for table, each in one.tables.items()}
            self.named[name] = replace(one, tables=tables)

    def broken(self) -> set[str]:
        """Return the tables of which no row can be updated or deleted."""
        return {
            table
            for one in self.named.values()
            if one.actions & _NEED_IDENTITY
            for table, each in self._members(one)
            if not self._fits(table, each, one)
        }

    def _members(self, publication: Publication) -> Iterator[tuple[str, PublishedTable]]:
        for table in self.identities.tables:
            schema = table.rpartition(".")[0] or PUBLIC
            if publication.is_for_all or schema in publication.schemas:
                yield table, PublishedTable()
        for table, one in publication.tables.items():
            yield table, one
            for partition in self.identities.heirs(table, are_partitions=True):
                yield partition, one

    def _fits(self, table: str, one: PublishedTable, publication: Publication) -> bool:
        if table in self.identities.partitioned:  # it has no rows of its own
            return True
        identity = self.identities.of(table)
        if identity is None:
            return False
        generated = self.identities.generated.get(table, set())
        if not publication.has_generated and (generated & identity or (identity == ALL_COLUMNS and generated)):
            return False  # since PostgreSQL 18
        if one.columns is not None and not identity <= one.columns:
            return False
        return identity == ALL_COLUMNS or one.filter_columns <= identity


def newly_broken(kind: str, node: Any, known: Known) -> list[str]:
    """Return the tables of which no row can be updated or deleted after a statement, but could be before.

    Args:
        kind: its kind.
        node: its parse tree.
        known: the objects before it.
    """
    before = known.publications
    if kind not in _JUDGED or (not before.named and "publication" not in kind):
        return []
    after = deepcopy(before)
    after.learn(kind, node, known)
    if kind == "alter_object_schema_stmt" and node.HasField("relation"):
        old = known.relation(node.relation)
        after.rename(old, dotted([node.newschema, old.rpartition(".")[2]]))
    return sorted(after.broken() - before.broken())


def loses(node: Any, known: Known) -> bool:
    """Tell whether an ALTER PUBLICATION publishes less than before, or may do so."""
    before = known.publications.named.get(node.pubname)
    options = {one.def_elem.defname for one in node.options}
    if options - {"publish"}:
        return True
    if before is None:
        return bool(options) or word(node, "action") != "AP_AddObjects"
    return not altered(before, node, known).has_at_least(before)


def altered(publication: Publication, node: Any, known: Known) -> Publication:
    """Return a publication after an ALTER PUBLICATION."""
    action = word(node, "action")
    if node.options:
        return _set(publication, node.options)
    if action == "AP_SetObjects":
        return _added(replace(publication, tables={}, schemas=frozenset()), node.pubobjects, known)
    if action == "AP_AddObjects":
        return _added(publication, node.pubobjects, known)
    gone = _added(Publication(), node.pubobjects, known)
    tables = {name: one for name, one in publication.tables.items() if name not in gone.tables}
    return replace(publication, tables=tables, schemas=publication.schemas - gone.schemas)


def _set(publication: Publication, options: Any) -> Publication:
    for one in (each.def_elem for each in options):
        value = ".".join(named(one.arg)).lower()  # a text, or a word, which is read as the name of a type
        if one.defname == "publish":
            actions = frozenset(part.strip() for part in value.split(","))
            publication = replace(publication, actions=actions & _ACTIONS)
        elif one.defname == "publish_generated_columns":
            publication = replace(publication, has_generated=value != "none")
    return publication


def _added(publication: Publication, objects: Any, known: Known) -> Publication:
    tables, schemas = dict(publication.tables), set(publication.schemas)
    for one in (each.publication_obj_spec for each in objects):
        what = word(one, "pubobjtype")
        if one.HasField("pubtable"):
            table = known.relation(one.pubtable.relation)
            tables[table] = _table(one.pubtable)
            if one.pubtable.relation.inh:  # those that inherit now; of partitions, also later ones are published
                heirs = known.publications.identities.heirs(table, are_partitions=False)
                tables |= dict.fromkeys(heirs, tables[table])
        elif what == "PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA":
            schemas.add(known.schema)
        else:
            schemas.add(one.name)
    return replace(publication, tables=tables, schemas=frozenset(schemas))


def _table(published: Any) -> PublishedTable:
    where = published.where_clause
    has_filter = kind_of(where) != ""
    names = (strings(one.fields)[-1] for kind, one in walk(inner(where)) if kind == "ColumnRef") if has_filter else ()
    return PublishedTable(
        frozenset(strings(published.columns)) if published.columns else None,
        without_locations(where) if has_filter else b"",
        frozenset(names),
    )

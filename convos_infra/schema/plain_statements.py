"""Statements by their kind in PostgreSQL's grammar: the harmless ones, and the rules for the others. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from convos_infra.schema.known import RELATIONS
from convos_infra.schema.publications import loses
from convos_infra.schema.sequences import repeats_numbers
from convos_infra.schema.tree import kind_of, named, strings, word

if TYPE_CHECKING:
    from convos_infra.schema.altered import Found
    from convos_infra.schema.known import Known

_SAFE_STATEMENTS = (
    "select_stmt create_stmt create_table_as_stmt index_stmt create_seq_stmt create_schema_stmt view_stmt"
    " create_function_stmt create_trig_stmt create_domain_stmt create_enum_stmt create_range_stmt composite_type_stmt"
    " create_extension_stmt create_stats_stmt alter_stats_stmt create_cast_stmt create_conversion_stmt define_stmt"
    " create_op_class_stmt create_op_family_stmt create_am_stmt create_plang_stmt create_transform_stmt"
    " create_publication_stmt create_role_stmt create_fdw_stmt create_foreign_server_stmt create_foreign_table_stmt"
    " create_user_mapping_stmt import_foreign_schema_stmt alter_collation_stmt alter_function_stmt"
    " alter_tsdictionary_stmt alter_tsconfiguration_stmt comment_stmt sec_label_stmt explain_stmt lock_stmt"
    " constraints_set_stmt vacuum_stmt reindex_stmt cluster_stmt notify_stmt declare_cursor_stmt fetch_stmt"
    " close_portal_stmt call_stmt replica_identity_stmt alter_object_depends_stmt return_stmt variable_show_stmt"
    " check_point_stmt plassign_stmt alter_type_stmt"
)
_REFUSED_BY_GUARDS = "transaction_stmt listen_stmt unlisten_stmt load_stmt discard_stmt prepare_stmt deallocate_stmt"
SAFE = frozenset(f"{_SAFE_STATEMENTS} {_REFUSED_BY_GUARDS}".split())
"""Kinds that need no allowance: harmless ones, and those that guards.py refuses whatever the file allows."""
_BY_NAME_ALONE = {
    "drop_role_stmt": "drop-access",
    "drop_subscription_stmt": "drop-access",
    "drop_user_mapping_stmt": "drop-access",
    "drop_table_space_stmt": "drop-access",
    "alter_database_stmt": "setting",
    "alter_database_set_stmt": "setting",
    "alter_role_stmt": "setting",
    "alter_role_set_stmt": "setting",
    "alter_system_stmt": "setting",
    "alter_foreign_server_stmt": "setting",
    "alter_fdw_stmt": "setting",
    "alter_user_mapping_stmt": "setting",
    "create_event_trig_stmt": "event-trigger",
    "reassign_owned_stmt": "change-owner",
}
"""By kind: the rule that every such statement falls under, with the name of its object."""
_NAMES = ("dbname", "subname", "servername", "fdwname", "tablespacename", "trigname")
_INTERNAL_KINDS = "INDEX TABCONSTRAINT TRIGGER POLICY RULE DOMCONSTRAINT STATISTIC_EXT OPCLASS OPFAMILY EVENT_TRIGGER"
_INTERNAL = frozenset(f"OBJECT_{one}" for one in _INTERNAL_KINDS.split())
"""Kinds of objects whose names are not used in code, so that a RENAME breaks none."""


def single(kind: str, node: Any, known: Known) -> Iterator[Found]:
    """Return what a statement loses or breaks if its kind is not harmless."""
    found = globals().get(f"_{kind}")
    if kind in _BY_NAME_ALONE:
        yield _BY_NAME_ALONE[kind], _name(node)
    elif found is None:
        yield "unknown-statement", kind.removesuffix("_stmt").replace("_", "-")
    else:
        yield from found(node, known)


def _name(node: Any) -> str:
    if "role" in node.DESCRIPTOR.fields_by_name and node.HasField("role"):
        return str(node.role.rolename) or "current_user"
    names = [str(getattr(node, one)) for one in _NAMES if one in node.DESCRIPTOR.fields_by_name]
    if any(names):
        return next(one for one in names if one)
    roles = [one.role_spec.rolename for one in getattr(node, "roles", ()) if kind_of(one) == "role_spec"]
    return ", ".join(roles) or "server"


def _truncate_stmt(node: Any, known: Known) -> Iterator[Found]:
    for one in node.relations:
        yield "truncate", known.relation(one.range_var)
        if word(node, "behavior") == "DROP_CASCADE":
            yield "cascade", known.relation(one.range_var)


def _dropdb_stmt(node: Any, _: Known) -> Iterator[Found]:
    yield "drop-database", node.dbname


def _drop_owned_stmt(node: Any, _: Known) -> Iterator[Found]:
    for one in node.roles:
        yield "drop-owned", one.role_spec.rolename or "current_user"
    if word(node, "behavior") == "DROP_CASCADE":
        yield "cascade", "owned"


def _rename_stmt(node: Any, known: Known) -> Iterator[Found]:
    what = word(node, "rename_type")
    if what in _INTERNAL:
        return
    if what in RELATIONS:
        yield "rename", known.relation(node.relation)
    elif what in ("OBJECT_COLUMN", "OBJECT_ATTRIBUTE"):
        yield "rename", f"{known.relation(node.relation)}.{node.subname}"
    else:
        yield "rename", known.name(named(node.object)) if named(node.object) else node.subname


def _alter_object_schema_stmt(node: Any, known: Known) -> Iterator[Found]:
    is_table = node.HasField("relation")
    yield "set-schema", known.relation(node.relation) if is_table else known.name(named(node.object))


def _alter_owner_stmt(node: Any, known: Known) -> Iterator[Found]:
    is_table = node.HasField("relation")
    yield "change-owner", known.relation(node.relation) if is_table else ".".join(named(node.object))


def _alter_enum_stmt(node: Any, known: Known) -> Iterator[Found]:
    if node.old_val:
        yield "rename", f"{known.name(strings(node.type_name))}.{node.old_val}"


def _grant_stmt(node: Any, known: Known) -> Iterator[Found]:
    if node.is_grant:
        return
    for one in node.objects:
        yield "revoke", known.relation(one.range_var) if kind_of(one) == "range_var" else ".".join(named(one)) or "all"


def _grant_role_stmt(node: Any, _: Known) -> Iterator[Found]:
    if not node.is_grant:
        for one in node.granted_roles:
            yield "revoke", one.access_priv.priv_name


def _alter_default_privileges_stmt(node: Any, _: Known) -> Iterator[Found]:
    if not node.action.is_grant:
        yield "revoke", "default privileges"


def _alter_domain_stmt(node: Any, known: Known) -> Iterator[Found]:
    if node.subtype == "O":
        yield "set-not-null", known.name(strings(node.type_name))


def _alter_seq_stmt(node: Any, known: Known) -> Iterator[Found]:
    if repeats_numbers(node.options):
        yield "restart-sequence", known.relation(node.sequence)


def _rule_stmt(node: Any, known: Known) -> Iterator[Found]:
    if word(node, "event") != "CMD_SELECT":
        yield "create-rule", known.relation(node.relation)


def _alter_publication_stmt(node: Any, known: Known) -> Iterator[Found]:
    if loses(node, known):
        yield "drop-access", node.pubname


def _create_policy_stmt(node: Any, known: Known) -> Iterator[Found]:
    yield "row-security", known.relation(node.table)


_alter_policy_stmt = _create_policy_stmt


def _copy_stmt(node: Any, _: Known) -> Iterator[Found]:
    if node.is_program:
        yield "run-program", node.filename.split()[0] if node.filename.split() else "program"


def _variable_set_stmt(node: Any, _: Known) -> Iterator[Found]:
    if node.name == "session_replication_role":
        yield "disable-trigger", "all"


def _execute_stmt(_: Any, __: Known) -> Iterator[Found]:
    yield "dynamic-sql", "execute"


def _refresh_mat_view_stmt(node: Any, known: Known) -> Iterator[Found]:
    if node.skip_data:
        yield "empty-view", known.relation(node.relation)

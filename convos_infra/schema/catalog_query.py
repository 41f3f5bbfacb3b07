"""The query that reads a database's catalog: one row per object, `kind name` and its definition. Data.

Names and definitions come from PostgreSQL's own functions with an empty search_path and fixed settings, so that they
do not depend on the session. Left out are: objects of an extension (the extension itself is listed), indexes of
constraints, NOT NULL constraints (named objects since PostgreSQL 18; the column shows them), and our history.
"""

# ruff: noqa: E501  # SQL
from __future__ import annotations

from convos_infra.schema.history import TABLE


def _part(name: str) -> str:
    """Return SQL for a name in our notation: quoted if it contains a dot or a quote."""
    return f"""CASE WHEN {name} ~ '[."]' THEN '"' || replace({name}, '"', '""') || '"' ELSE {name} END"""


def _name(schema: str, name: str) -> str:
    """Return SQL for an object's name, without `public`."""
    return f"CASE WHEN {schema} = 'public' THEN '' ELSE {_part(schema)} || '.' END || {_part(name)}"


def _not_of_extension(catalog: str, oid: str) -> str:
    return f"NOT EXISTS (SELECT FROM member WHERE classid = '{catalog}'::regclass AND objid = {oid})"


def _owned(kind: str, name: str, owner: str, acl: str, source: str) -> str:
    """Return SQL for an object's owner and its privileges."""
    return f"""
SELECT 'owner of ' || {kind} || {name}, {owner}::regrole::text FROM {source}
UNION ALL
SELECT 'rights on ' || {kind} || {name}, (SELECT string_agg(one::text, ', ' ORDER BY one::text) FROM unnest({acl}) one)
FROM {source} {"AND" if " WHERE " in source else "WHERE"} {acl} IS NOT NULL"""  # noqa: S608


_KIND = """CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'f' THEN 'foreign table '
       WHEN 'c' THEN 'type ' WHEN 'S' THEN 'sequence ' ELSE 'table ' END"""
_FUNCTION = "CASE prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END"
_SIGNATURE = f"{_name('n.nspname', 'proname')} || '(' || pg_get_function_identity_arguments(p.oid) || ')'"
_ROUTINES = f"""pg_proc p JOIN spaces n ON n.oid = pronamespace WHERE {_not_of_extension("pg_proc", "p.oid")}"""
_TYPES = f"""pg_type t JOIN spaces n ON n.oid = typnamespace
WHERE typtype IN ('e', 'd', 'r', 'b') AND typelem = 0 AND {_not_of_extension("pg_type", "t.oid")}"""
_TYPE_KIND = "CASE typtype WHEN 'e' THEN 'enum ' WHEN 'd' THEN 'domain ' WHEN 'b' THEN 'base type ' ELSE 'range ' END"
_OURS = 16384
"""The first id of an object that is not built in: postgres/src/include/access/transam.h, FirstNormalObjectId."""

_RELATIONS = f"""
SELECT {_KIND} || name,
    CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) || coalesce(' WITH ' || array_to_string(reloptions, ', '), '')
    WHEN relkind = 'S' THEN '' ELSE
        CASE relpersistence WHEN 'u' THEN 'unlogged ' ELSE '' END || CASE relkind WHEN 'p' THEN 'partitioned '
        || pg_get_partkeydef(oid) ELSE '' END || CASE WHEN relrowsecurity THEN 'row security ' ELSE '' END
        || CASE WHEN relforcerowsecurity THEN 'forced ' ELSE '' END
        || CASE WHEN relkind IN ('r', 'p') AND relreplident <> 'd' THEN 'replica identity ' || relreplident::text || ' ' ELSE '' END
        || coalesce(array_to_string(reloptions, ', '), '') || coalesce(pg_get_expr(relpartbound, oid), '')
        || coalesce((SELECT string_agg(' INHERITS ' || inhparent::regclass, '' ORDER BY inhseqno)
                     || CASE WHEN bool_or(inhdetachpending) THEN ' DETACH PENDING' ELSE '' END
                     FROM pg_inherits WHERE inhrelid = relation.oid), '')
        || CASE WHEN reloftype <> 0 THEN ' OF ' || reloftype::regtype ELSE '' END
        || coalesce((SELECT ' SERVER ' || srvname || ' ' || coalesce(array_to_string(ftoptions, ', '), '')
                     FROM pg_foreign_table JOIN pg_foreign_server s ON s.oid = ftserver WHERE ftrelid = relation.oid), '') END
FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
UNION ALL
SELECT 'column ' || name || '.' || attname, format_type(atttypid, atttypmod)
    || CASE WHEN attcollation <> typcollation THEN ' COLLATE ' || attcollation::regcollation ELSE '' END
    || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
    || CASE WHEN attidentity <> '' THEN ' IDENTITY ' || attidentity::text ELSE '' END
    || CASE WHEN attgenerated <> '' THEN ' GENERATED ' || CASE attgenerated WHEN 's' THEN '' ELSE attgenerated::text || ' ' END
       || pg_get_expr(adbin, adrelid) ELSE coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '') END
    || CASE WHEN attstorage <> typstorage THEN ' STORAGE ' || attstorage::text ELSE '' END
    || CASE WHEN attcompression <> '' THEN ' COMPRESSION ' || attcompression::text ELSE '' END
    || CASE WHEN attstattarget >= 0 THEN ' STATISTICS ' || attstattarget ELSE '' END
    || coalesce(' ' || array_to_string(attoptions, ', '), '') || coalesce(' ' || array_to_string(attfdwoptions, ', '), '')
FROM relation JOIN pg_attribute ON attrelid = relation.oid JOIN pg_type ON pg_type.oid = atttypid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relkind IN ('r', 'p', 'f', 'c') AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'rights on column ' || name || '.' || attname, array_to_string(attacl, ', ')
FROM relation JOIN pg_attribute ON attrelid = relation.oid WHERE attacl IS NOT NULL AND NOT attisdropped
UNION ALL
SELECT 'constraint ' || name || '.' || conname, pg_get_constraintdef(pg_constraint.oid)
    || CASE WHEN conindid <> 0 AND NOT indisvalid THEN ' INVALID' ELSE '' END
    || CASE WHEN indisreplident THEN ' REPLICA IDENTITY' ELSE '' END || CASE WHEN indisclustered THEN ' CLUSTER' ELSE '' END
FROM pg_constraint JOIN relation ON conrelid = relation.oid
LEFT JOIN pg_index ON indexrelid = conindid AND contype IN ('p', 'u', 'x') WHERE contype <> 'n'
UNION ALL
SELECT 'index ' || {_name("relation.nspname", "i.relname")}, pg_get_indexdef(i.oid)
    || CASE WHEN indisreplident THEN ' REPLICA IDENTITY' ELSE '' END || CASE WHEN indisclustered THEN ' CLUSTER' ELSE '' END
    || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END
FROM pg_index JOIN relation ON indrelid = relation.oid JOIN pg_class i ON i.oid = indexrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.oid AND contype IN ('p', 'u', 'x'))
UNION ALL
SELECT 'sequence ' || name, concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcycle,
    nullif(seqcache, 1), CASE relpersistence WHEN 'u' THEN 'unlogged' END,
    (SELECT 'OWNED BY ' || refobjid::regclass || '.' || attname FROM pg_depend JOIN pg_attribute ON attrelid = refobjid
     AND attnum = refobjsubid WHERE objid = seqrelid AND deptype IN ('a', 'i') AND refobjsubid > 0))
FROM pg_sequence JOIN relation ON relation.oid = seqrelid
UNION ALL
SELECT 'trigger ' || name || '.' || tgname, pg_get_triggerdef(pg_trigger.oid) || ' ' || tgenabled::text
FROM pg_trigger JOIN relation ON tgrelid = relation.oid WHERE NOT tgisinternal
UNION ALL
SELECT 'rule ' || name || '.' || rulename, pg_get_ruledef(pg_rewrite.oid) || ' ' || ev_enabled::text
FROM pg_rewrite JOIN relation ON ev_class = relation.oid WHERE rulename <> '_RETURN'
UNION ALL
SELECT 'policy ' || name || '.' || polname, concat_ws(' ', polcmd, polpermissive, polroles::regrole[],
    pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM pg_policy JOIN relation ON polrelid = relation.oid
UNION ALL
SELECT 'statistics ' || {_name("n.nspname", "stxname")}, pg_get_statisticsobjdef(s.oid) || coalesce(' ' || stxstattarget, '')
FROM pg_statistic_ext s JOIN spaces n ON n.oid = stxnamespace
UNION ALL
{_owned(_KIND, "name", "relowner", "relacl", "relation")}
"""  # noqa: S608  # names of ours
_ROUTINES_AND_TYPES = f"""
SELECT {_FUNCTION} || {_SIGNATURE},
    CASE WHEN prokind = 'a' THEN (SELECT concat_ws(' ', aggkind, aggtransfn::regproc, aggfinalfn::regproc,
        aggcombinefn::regproc, aggtranstype::regtype, agginitval, aggsortop::regoperator) FROM pg_aggregate WHERE aggfnoid = p.oid)
    ELSE pg_get_functiondef(p.oid) END FROM {_ROUTINES}
UNION ALL
{_owned(_FUNCTION, _SIGNATURE, "proowner", "proacl", _ROUTINES)}
UNION ALL
SELECT {_TYPE_KIND} || {_name("n.nspname", "typname")},
    CASE typtype
        WHEN 'e' THEN (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum
                       WHERE enumtypid = t.oid)
        WHEN 'd' THEN concat_ws(' ', format_type(typbasetype, typtypmod), CASE WHEN typnotnull THEN 'NOT NULL' END,
            typdefault, (SELECT string_agg(pg_get_constraintdef(c.oid), ' ' ORDER BY conname) FROM pg_constraint c
                         WHERE contypid = t.oid AND contype <> 'n'), CASE WHEN typcollation <> (
                         SELECT typcollation FROM pg_type base WHERE base.oid = t.typbasetype)
                         THEN 'COLLATE ' || typcollation::regcollation END)
        WHEN 'b' THEN concat_ws(' ', typinput::regproc, typoutput::regproc, typlen, typbyval, typalign, typstorage,
            typcategory, typdelim, typdefault)
        ELSE (SELECT concat_ws(' ', format_type(rngsubtype, NULL), nullif(rngcanonical, 0)::regproc,
            nullif(rngsubdiff, 0)::regproc) FROM pg_range WHERE rngtypid = t.oid) END
FROM {_TYPES}
UNION ALL
{_owned(_TYPE_KIND, _name("n.nspname", "typname"), "typowner", "typacl", _TYPES)}
UNION ALL
SELECT 'operator ' || o.oid::regoperator, concat_ws(' ', oprcode::regproc, oprcom::regoperator, oprnegate::regoperator,
    oprrest::regproc, oprjoin::regproc, oprcanmerge, oprcanhash)
FROM pg_operator o JOIN spaces n ON n.oid = oprnamespace WHERE {_not_of_extension("pg_operator", "o.oid")}
UNION ALL
SELECT 'operator class ' || {_name("n.nspname", "opcname")} || ' USING ' || amname, concat_ws(' ', opcintype::regtype,
    opcdefault, opckeytype::regtype, (SELECT string_agg(amopstrategy || ' ' || amopopr::regoperator, ', ' ORDER BY amopstrategy,
    amopopr::regoperator::text) FROM pg_amop WHERE amopfamily = opcfamily),
    (SELECT string_agg(amprocnum || ' ' || amproc, ', ' ORDER BY amprocnum, amproc::text) FROM pg_amproc WHERE amprocfamily = opcfamily))
FROM pg_opclass c JOIN spaces n ON n.oid = opcnamespace JOIN pg_am a ON a.oid = opcmethod
WHERE {_not_of_extension("pg_opclass", "c.oid")}
UNION ALL
SELECT 'operator family ' || {_name("n.nspname", "opfname")} || ' USING ' || amname, ''
FROM pg_opfamily f JOIN spaces n ON n.oid = opfnamespace JOIN pg_am a ON a.oid = opfmethod
WHERE {_not_of_extension("pg_opfamily", "f.oid")}
UNION ALL
SELECT 'collation ' || {_name("n.nspname", "collname")}, concat_ws(' ', collprovider, collisdeterministic, collcollate,
    collctype, to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', to_jsonb(c) ->> 'collicurules')
FROM pg_collation c JOIN spaces n ON n.oid = collnamespace WHERE {_not_of_extension("pg_collation", "c.oid")}
UNION ALL
SELECT 'conversion ' || {_name("n.nspname", "conname")}, concat_ws(' ', pg_encoding_to_char(conforencoding),
    pg_encoding_to_char(contoencoding), conproc, condefault)
FROM pg_conversion c JOIN spaces n ON n.oid = connamespace WHERE {_not_of_extension("pg_conversion", "c.oid")}
UNION ALL
SELECT 'text search configuration ' || {_name("n.nspname", "cfgname")}, concat_ws(' ', cfgparser::regclass::text,
    (SELECT string_agg(maptokentype || ' ' || mapdict::regdictionary, ', ' ORDER BY maptokentype, mapseqno)
     FROM pg_ts_config_map WHERE mapcfg = c.oid))
FROM pg_ts_config c JOIN spaces n ON n.oid = cfgnamespace WHERE {_not_of_extension("pg_ts_config", "c.oid")}
UNION ALL
SELECT 'text search dictionary ' || {_name("n.nspname", "dictname")}, concat_ws(' ', tmplname, dictinitoption)
FROM pg_ts_dict d JOIN spaces n ON n.oid = dictnamespace JOIN pg_ts_template t ON t.oid = dicttemplate
WHERE {_not_of_extension("pg_ts_dict", "d.oid")}
"""  # noqa: S608
_OF_THE_DATABASE = f"""
SELECT 'extension ' || extname, extversion FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL
SELECT 'schema ' || nspname, '' FROM spaces WHERE nspname <> 'public'
UNION ALL
{_owned("'schema '", "nspname", "nspowner", "nspacl", "spaces n")}
UNION ALL
SELECT 'cast ' || castsource::regtype || ' AS ' || casttarget::regtype, concat_ws(' ', castfunc::regprocedure, castcontext,
    castmethod) FROM pg_cast c WHERE oid >= {_OURS} AND {_not_of_extension("pg_cast", "c.oid")}
UNION ALL
SELECT 'foreign-data wrapper ' || fdwname, concat_ws(' ', fdwhandler::regproc, fdwvalidator::regproc, fdwoptions)
FROM pg_foreign_data_wrapper w WHERE {_not_of_extension("pg_foreign_data_wrapper", "w.oid")}
UNION ALL
SELECT 'server ' || srvname, concat_ws(' ', fdwname, srvtype, srvversion, srvoptions)
FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw
UNION ALL
SELECT 'user mapping ' || srvname || ' ' || usename, '' FROM pg_user_mappings
UNION ALL
SELECT 'publication ' || pubname, concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot,
    (SELECT string_agg(prrelid::regclass::text || coalesce(' ' || prattrs::text, '') || coalesce(' ' || pg_get_expr(prqual, prrelid), ''),
     ', ' ORDER BY prrelid::regclass::text) FROM pg_publication_rel WHERE prpubid = p.oid),
    (SELECT string_agg(pnnspid::regnamespace::text, ', ' ORDER BY pnnspid::regnamespace::text)
     FROM pg_publication_namespace WHERE pnpubid = p.oid)) FROM pg_publication p
UNION ALL
SELECT 'subscription ' || subname, concat_ws(' ', subenabled, subpublications) FROM pg_subscription
WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT 'event trigger ' || evtname, concat_ws(' ', evtevent, evtfoid::regproc, evtenabled, evttags) FROM pg_event_trigger e
WHERE {_not_of_extension("pg_event_trigger", "e.oid")}
UNION ALL
SELECT 'language ' || lanname, concat_ws(' ', lanpltrusted, lanplcallfoid::regproc) FROM pg_language l
WHERE oid >= {_OURS} AND {_not_of_extension("pg_language", "l.oid")}
UNION ALL
SELECT 'access method ' || amname, concat_ws(' ', amtype, amhandler::regproc) FROM pg_am a
WHERE oid >= {_OURS} AND {_not_of_extension("pg_am", "a.oid")}
UNION ALL
SELECT 'transform for ' || trftype::regtype || ' ' || lanname, concat_ws(' ', trffromsql::regproc, trftosql::regproc)
FROM pg_transform f JOIN pg_language l ON l.oid = trflang WHERE {_not_of_extension("pg_transform", "f.oid")}
UNION ALL
SELECT concat_ws(' ', 'default rights of', defaclrole::regrole, coalesce(nullif(defaclnamespace, 0)::regnamespace::text, ''),
    defaclobjtype), array_to_string(defaclacl, ', ') FROM pg_default_acl
WHERE defaclnamespace = 0 OR defaclnamespace IN (SELECT oid FROM spaces)
UNION ALL
SELECT 'comment on ' || o.type || ' ' || o.identity, description FROM pg_description d,
    LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o
WHERE d.objoid >= {_OURS} AND NOT EXISTS (SELECT FROM member WHERE classid = d.classoid AND objid = d.objoid)
AND d.classoid <> 'pg_extension'::regclass AND (o.schema IS NULL OR o.schema IN (SELECT nspname FROM spaces))
AND o.identity NOT LIKE 'public.{TABLE}%'
UNION ALL
SELECT 'label on ' || objtype || ' ' || objname || ' ' || provider, label FROM pg_seclabels
"""  # noqa: S608
READ = f"""
WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
spaces AS (SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname = ANY(%s)),
relation AS (
    SELECT c.*, n.nspname, {_name("n.nspname", "c.relname")} AS name FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace
    WHERE NOT (n.nspname = 'public' AND c.relname = '{TABLE}') AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S')
    AND {_not_of_extension("pg_class", "c.oid")}
)
{_RELATIONS} UNION ALL {_ROUTINES_AND_TYPES} UNION ALL {_OF_THE_DATABASE}
"""  # noqa: S608
"""Its parameter is a list of schemas, by name."""

"""The effect of each kind of statement on rows and on running code, and the lock that it takes. Data.

Locks and rewrites: postgresql.org/docs/current/sql-altertable.html, …/explicit-locking.html and the statements' pages.
"""

from __future__ import annotations

from dataclasses import dataclass

from convos_infra.schema.rules import RULES, StatementVerdict

BASE = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a integer, b integer);
CREATE TABLE t (
    id integer PRIMARY KEY, n smallint, name varchar(20), price numeric(6,2), note text DEFAULT 'x', m mood
);
CREATE TABLE child (t_id integer REFERENCES t ON DELETE CASCADE, x integer);
CREATE TABLE log (id integer, at timestamptz);
CREATE FUNCTION clean() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN DELETE FROM log WHERE id = NEW.id; RETURN NEW; END $$;
CREATE TABLE watched (id integer);
CREATE TRIGGER cleans AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION clean();
CREATE FUNCTION wipe() RETURNS integer LANGUAGE sql AS $$ DELETE FROM log; SELECT 1 $$;
CREATE VIEW v AS SELECT id, note FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;
CREATE SEQUENCE s;
CREATE TABLE parts (id integer, at date) PARTITION BY RANGE (at);
CREATE TABLE part PARTITION OF parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE INDEX t_n ON t (n);
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE DOMAIN positive AS integer;
CREATE POLICY own ON t USING (true);
CREATE TABLE doubled (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED);
"""
"""The tables of the examples."""
EXCLUSIVE, SHARE, ROWS, NONE = "ACCESS EXCLUSIVE", "SHARE", "ROW EXCLUSIVE", ""
SHARE_ROWS, SHARE_UPDATE, READS = "SHARE ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "ACCESS SHARE"
MOMENT, SCAN, REWRITE, ITS_ROWS = "a moment", "while it reads the table", "while it rewrites the table", "for its rows"


@dataclass(frozen=True)
class Effect:
    """The effect of a kind of statement.

    Attributes:
        statement: the kind.
        example: one statement of it, on the tables of `BASE`.
        allowances: the directives that the example needs; empty if it needs none.
        lock: the strongest lock that it takes on `table`.
        duration: how long the statement itself holds the lock, not counting the rest of the transaction.
        table: the table of the example.
        is_alone: whether it cannot run in a transaction.
    """

    statement: str
    example: str
    allowances: tuple[str, ...] = ()
    lock: str = NONE
    duration: str = MOMENT
    table: str = "t"
    is_alone: bool = False

    @property
    def verdict(self) -> StatementVerdict:
        """The verdict: that of its rule, or if it needs no allowance, whether others wait long for its lock."""
        if self.allowances:
            return RULES[self.allowances[0].partition(" ")[0]][0]
        blocks = self.lock in (EXCLUSIVE, SHARE, SHARE_ROWS) and self.duration in (SCAN, REWRITE)
        return StatementVerdict.LOCKS if blocks else StatementVerdict.SAFE


EFFECTS: tuple[Effect, ...] = (
    Effect("DROP TABLE", "DROP TABLE log", ("drop-table log",), EXCLUSIVE, table="log"),
    Effect("DROP TABLE … CASCADE", "DROP TABLE t CASCADE", ("drop-table t", "cascade t"), EXCLUSIVE),
    Effect("DROP SCHEMA", "CREATE SCHEMA app; DROP SCHEMA app", ("drop-schema app",)),
    Effect("DROP VIEW", "DROP VIEW v", ("drop-view v",), EXCLUSIVE, table="v"),
    Effect("DROP VIEW, made again", "DROP VIEW v; CREATE VIEW v AS SELECT id FROM t"),
    Effect(
        "DROP MATERIALIZED VIEW", "DROP MATERIALIZED VIEW mv", ("drop-materialized-view mv",), EXCLUSIVE, table="mv"
    ),
    Effect("DROP SEQUENCE", "DROP SEQUENCE s", ("drop-sequence s",), EXCLUSIVE, table="s"),
    Effect("DROP TYPE", "DROP TYPE pair", ("drop-type pair",)),
    Effect("DROP DOMAIN", "DROP DOMAIN positive", ("drop-type positive",)),
    Effect("DROP FUNCTION", "DROP FUNCTION f", ("drop-function f",)),
    Effect("DROP INDEX", "DROP INDEX t_n", (), EXCLUSIVE),
    Effect("DROP INDEX CONCURRENTLY", "DROP INDEX CONCURRENTLY IF EXISTS t_n", is_alone=True),
    Effect("DROP TRIGGER", "DROP TRIGGER cleans ON watched", (), EXCLUSIVE, table="watched"),
    Effect("DROP POLICY", "DROP POLICY own ON t", ("row-security t",), EXCLUSIVE),
    Effect("TRUNCATE", "TRUNCATE log", ("truncate log",), EXCLUSIVE, table="log"),
    Effect("DELETE without WHERE", "DELETE FROM log", ("delete-all log",), ROWS, ITS_ROWS, "log"),
    Effect("DELETE, WHERE always true", "DELETE FROM log WHERE 1 < 2", ("delete-all log",), ROWS, ITS_ROWS, "log"),
    Effect("DELETE, no row excluded", "DELETE FROM log WHERE id % 1 = 0", ("delete-all log",), ROWS, ITS_ROWS, "log"),
    Effect(
        "DELETE, WHERE not evaluated", "DELETE FROM log WHERE isfinite(at)", ("delete-all log",), ROWS, ITS_ROWS, "log"
    ),
    Effect("DELETE … WHERE", "DELETE FROM log WHERE id = 1", (), ROWS, ITS_ROWS, "log"),
    Effect(
        "DELETE … WHERE CURRENT OF, the cursor returns every row",
        "INSERT INTO log VALUES (1); DECLARE c CURSOR FOR TABLE log; MOVE c; DELETE FROM log WHERE CURRENT OF c",
        ("delete-all log",),
    ),
    Effect(
        "DELETE of a parent, ON DELETE CASCADE", "DELETE FROM t WHERE id = 1", ("cascade-delete child",), ROWS, ITS_ROWS
    ),
    Effect("UPDATE without WHERE", "UPDATE t SET note = NULL", ("update-all t.note",), ROWS, ITS_ROWS),
    Effect(
        "INSERT of the table's own rows, ON CONFLICT DO UPDATE",
        "INSERT INTO t SELECT * FROM t ON CONFLICT (id) DO UPDATE SET note = NULL",
        ("update-all t.note",),
        ROWS,
        ITS_ROWS,
    ),
    Effect(
        "MERGE that matches every row",
        "MERGE INTO t USING log ON true WHEN MATCHED THEN UPDATE SET note = NULL",
        ("update-all t.note",),
        ROWS,
        ITS_ROWS,
    ),
    Effect("UPDATE … WHERE", "UPDATE t SET note = '' WHERE note IS NULL", (), ROWS, ITS_ROWS),
    Effect("UPDATE of a column of the same file", "ALTER TABLE t ADD c text; UPDATE t SET c = note"),
    Effect("INSERT", "INSERT INTO log (id) VALUES (1)", (), ROWS, ITS_ROWS, "log"),
    Effect(
        "INSERT that fires a deleting trigger",
        "INSERT INTO watched VALUES (1)",
        ("hidden-delete log",),
        table="watched",
    ),
    Effect(
        "MERGE … DELETE",
        "MERGE INTO log USING t ON log.id = t.id WHEN MATCHED THEN DELETE",
        ("merge-delete log",),
        ROWS,
        ITS_ROWS,
        "log",
    ),
    Effect("a query that calls a deleting function", "SELECT wipe()", ("delete-all log",)),
    Effect("CREATE TABLE AS from a deleting function", "CREATE TABLE y AS SELECT * FROM wipe()", ("delete-all log",)),
    Effect("a call of an unknown function", "SELECT nobody_knows()", ("unknown-function nobody_knows",)),
    Effect("EXECUTE in a DO block", "DO $$ BEGIN EXECUTE 'SELECT 1'; END $$", ("dynamic-sql execute",)),
    Effect("COPY … PROGRAM", "COPY log TO PROGRAM 'cat'", ("run-program cat",), READS, table="log"),
    Effect("CREATE TABLE", "CREATE TABLE fresh (id integer)", (), EXCLUSIVE, table="fresh"),
    Effect("CREATE VIEW", "CREATE VIEW w AS SELECT * FROM t", (), READS),
    Effect("CREATE FUNCTION", "CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1'"),
    Effect("CREATE INDEX", "CREATE INDEX i ON t (name)", (), SHARE, SCAN),
    Effect("CREATE INDEX CONCURRENTLY", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (name)", is_alone=True),
    Effect(
        "CREATE TRIGGER",
        "CREATE TRIGGER c BEFORE UPDATE ON log FOR EACH ROW EXECUTE FUNCTION clean()",
        (),
        SHARE_ROWS,
        table="log",
    ),
    Effect(
        "CREATE RULE",
        "CREATE RULE r AS ON INSERT TO log DO INSTEAD NOTHING",
        ("create-rule log",),
        EXCLUSIVE,
        table="log",
    ),
    Effect("CREATE POLICY", "CREATE POLICY p ON t USING (true)", ("row-security t",), EXCLUSIVE),
    Effect("CREATE STATISTICS", "CREATE STATISTICS st ON id, n FROM t", (), SHARE_UPDATE),
    Effect("ADD COLUMN", "ALTER TABLE t ADD COLUMN c text", (), EXCLUSIVE),
    Effect("ADD COLUMN … DEFAULT constant", "ALTER TABLE t ADD COLUMN c text NOT NULL DEFAULT 'x'", (), EXCLUSIVE),
    Effect(
        "ADD COLUMN … DEFAULT volatile",
        "ALTER TABLE t ADD c timestamptz DEFAULT clock_timestamp()",
        (),
        EXCLUSIVE,
        REWRITE,
    ),
    Effect("ADD COLUMN smallserial", "ALTER TABLE t ADD COLUMN c smallserial NOT NULL", (), EXCLUSIVE, REWRITE),
    Effect(
        "ADD COLUMN … NOT NULL without DEFAULT",
        "ALTER TABLE t ADD COLUMN c text NOT NULL",
        ("set-not-null t.c",),
        EXCLUSIVE,
    ),
    Effect("DROP COLUMN", "ALTER TABLE t DROP COLUMN price", ("drop-column t.price",), EXCLUSIVE),
    Effect("SET NOT NULL", "ALTER TABLE t ALTER n SET NOT NULL", ("set-not-null t.n",), EXCLUSIVE, SCAN),
    Effect("DROP NOT NULL", "ALTER TABLE t ALTER n DROP NOT NULL", (), EXCLUSIVE),
    Effect("SET DEFAULT, DROP DEFAULT", "ALTER TABLE t ALTER note DROP DEFAULT", (), EXCLUSIVE),
    Effect("TYPE, wider, same bytes", "ALTER TABLE t ALTER name TYPE varchar(40)", (), EXCLUSIVE),
    Effect("TYPE, wider, other bytes", "ALTER TABLE log ALTER id TYPE bigint", (), EXCLUSIVE, REWRITE, "log"),
    Effect("TYPE text", "ALTER TABLE t ALTER name TYPE text", (), EXCLUSIVE),
    Effect(
        "TYPE, narrower", "ALTER TABLE t ALTER price TYPE numeric(5,2)", ("change-type t.price",), EXCLUSIVE, REWRITE
    ),
    Effect("TYPE … USING", "ALTER TABLE t ALTER n TYPE text USING 'x'", ("change-type t.n",), EXCLUSIVE, REWRITE),
    Effect("ADD CHECK", "ALTER TABLE t ADD CONSTRAINT k CHECK (n > 0)", (), EXCLUSIVE, SCAN),
    Effect("ADD CHECK … NOT VALID", "ALTER TABLE t ADD CONSTRAINT k CHECK (n > 0) NOT VALID", (), EXCLUSIVE),
    Effect(
        "VALIDATE CONSTRAINT", "ALTER TABLE child VALIDATE CONSTRAINT child_t_id_fkey", (), SHARE_UPDATE, SCAN, "child"
    ),
    Effect("ADD FOREIGN KEY", "ALTER TABLE log ADD FOREIGN KEY (id) REFERENCES t", (), SHARE_ROWS, SCAN, "log"),
    Effect("ADD UNIQUE", "ALTER TABLE t ADD UNIQUE (name)", (), EXCLUSIVE, SCAN),
    Effect(
        "DROP EXPRESSION",
        "ALTER TABLE doubled ALTER b DROP EXPRESSION",
        ("drop-expression doubled.b",),
        EXCLUSIVE,
        table="doubled",
    ),
    Effect("DROP CONSTRAINT", "ALTER TABLE child DROP CONSTRAINT child_t_id_fkey", (), EXCLUSIVE, table="child"),
    Effect("RENAME of a table", "ALTER TABLE log RENAME TO logs", ("rename log",), EXCLUSIVE, table="log"),
    Effect("RENAME of a column", "ALTER TABLE t RENAME COLUMN note TO notes", ("rename t.note",), EXCLUSIVE),
    Effect("RENAME of an index, a constraint", "ALTER INDEX t_n RENAME TO t_m"),
    Effect(
        "SET SCHEMA", "CREATE SCHEMA app; ALTER TABLE log SET SCHEMA app", ("set-schema log",), EXCLUSIVE, table="log"
    ),
    Effect("SET UNLOGGED", "ALTER TABLE log SET UNLOGGED", ("set-unlogged log",), EXCLUSIVE, REWRITE, "log"),
    Effect("ENABLE ROW LEVEL SECURITY", "ALTER TABLE t ENABLE ROW LEVEL SECURITY", ("row-security t",), EXCLUSIVE),
    Effect(
        "DISABLE TRIGGER",
        "ALTER TABLE watched DISABLE TRIGGER cleans",
        ("disable-trigger watched",),
        SHARE_ROWS,
        table="watched",
    ),
    Effect("REPLICA IDENTITY FULL", "ALTER TABLE log REPLICA IDENTITY FULL", (), EXCLUSIVE, table="log"),
    Effect("REPLICA IDENTITY NOTHING", "ALTER TABLE t REPLICA IDENTITY NOTHING", ("replica-identity t",), EXCLUSIVE),
    Effect("CREATE PUBLICATION", "CREATE PUBLICATION p FOR TABLE t"),
    Effect("CREATE PUBLICATION, no key", "CREATE PUBLICATION p FOR TABLE log", ("replica-identity log",)),
    Effect(
        "ALTER PUBLICATION … SET", "CREATE PUBLICATION p; ALTER PUBLICATION p SET (publish = '')", ("drop-access p",)
    ),
    Effect("OWNER TO", "ALTER TABLE log OWNER TO current_user", ("change-owner log",), EXCLUSIVE, table="log"),
    Effect("SET (storage parameter)", "ALTER TABLE t SET (fillfactor = 70)", (), SHARE_UPDATE),
    Effect(
        "ATTACH PARTITION",
        "CREATE TABLE p2 (id integer, at date); ALTER TABLE parts ATTACH PARTITION p2 DEFAULT",
        (),
        SHARE_UPDATE,
        table="parts",
    ),
    Effect(
        "DETACH PARTITION",
        "ALTER TABLE parts DETACH PARTITION part",
        ("detach-partition part",),
        EXCLUSIVE,
        table="parts",
    ),
    Effect(
        "DETACH PARTITION CONCURRENTLY",
        "ALTER TABLE parts DETACH PARTITION part CONCURRENTLY",
        ("detach-partition part",),
        is_alone=True,
    ),
    Effect("ALTER TYPE … ADD VALUE", "ALTER TYPE mood ADD VALUE 'good'"),
    Effect("ALTER TYPE … RENAME VALUE", "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", ("rename mood.ok",)),
    Effect("ALTER TYPE … DROP ATTRIBUTE", "ALTER TYPE pair DROP ATTRIBUTE b", ("drop-attribute pair.b",)),
    Effect("ALTER SEQUENCE … RESTART", "ALTER SEQUENCE s RESTART", ("restart-sequence s",), SHARE_ROWS, table="s"),
    Effect("ALTER SEQUENCE … CYCLE", "ALTER SEQUENCE s CYCLE", ("restart-sequence s",), SHARE_ROWS, table="s"),
    Effect("REFRESH MATERIALIZED VIEW", "REFRESH MATERIALIZED VIEW mv", (), EXCLUSIVE, REWRITE, "mv"),
    Effect(
        "REFRESH … WITH NO DATA", "REFRESH MATERIALIZED VIEW mv WITH NO DATA", ("empty-view mv",), EXCLUSIVE, table="mv"
    ),
    Effect("GRANT", "GRANT SELECT ON t TO PUBLIC"),
    Effect("REVOKE", "REVOKE SELECT ON t FROM PUBLIC", ("revoke t",)),
    Effect("COMMENT", "COMMENT ON TABLE t IS 'x'", (), SHARE_UPDATE),
    Effect("LOCK TABLE", "LOCK TABLE t IN SHARE MODE", (), SHARE),
    Effect("REINDEX", "REINDEX TABLE t", (), SHARE, SCAN),
    Effect("REINDEX CONCURRENTLY", "REINDEX (CONCURRENTLY) TABLE t", is_alone=True),
    Effect("CLUSTER", "CLUSTER t USING t_pkey", (), EXCLUSIVE, REWRITE),
    Effect("VACUUM", "VACUUM t", is_alone=True),
    Effect("ANALYZE", "ANALYZE t", (), SHARE_UPDATE, SCAN),
    Effect("SET LOCAL", "SET LOCAL work_mem = '64MB'"),
    Effect(
        "SET LOCAL session_replication_role", "SET LOCAL session_replication_role = replica", ("disable-trigger all",)
    ),
    Effect("ALTER ROLE … SET", "ALTER ROLE current_user SET work_mem = '8MB'", ("setting current_user",)),
    Effect(
        "anything else",
        "ALTER OPERATOR FAMILY no_family USING btree DROP FUNCTION 1 (integer)",
        ("unknown-statement alter-op-family",),
    ),
)

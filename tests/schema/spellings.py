"""What the guard is tried on: a database of earlier migrations, and the spellings that a statement can have."""

# ruff: noqa: E501  # SQL
from __future__ import annotations

from collections.abc import Callable, Mapping

from convos_infra.schema.effects import BASE

BEFORE = (
    BASE
    + """
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE grandchild (x integer REFERENCES parent (id) ON DELETE SET NULL);
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN TRUNCATE log; RETURN NULL; END $$;
CREATE TRIGGER cuts AFTER UPDATE OR DELETE ON parent EXECUTE FUNCTION cut();
CREATE RULE sweeps AS ON UPDATE TO child DO ALSO DELETE FROM log;
CREATE PROCEDURE sweep() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM log; END $$;
CREATE FUNCTION outer_wipe() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT wipe(); END;
CREATE VIEW wiping AS SELECT wipe() AS n;
CREATE VIEW shown AS SELECT * FROM parent;
CREATE TABLE costly (id integer, n integer DEFAULT wipe());
CREATE TABLE checked (id integer CHECK (wipe() > 0));
CREATE MATERIALIZED VIEW wiped AS SELECT wipe() AS n WITH NO DATA;
CREATE VIEW twice AS SELECT n FROM wiping;
CREATE TABLE kept (id integer PRIMARY KEY, note text);
CREATE FUNCTION lossy(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN DELETE FROM kept; RETURN true; END $$;
CREATE OPERATOR ### (LEFTARG = integer, RIGHTARG = integer, FUNCTION = lossy);
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq);
CREATE FUNCTION to_mood(integer) RETURNS mood LANGUAGE plpgsql AS $$ BEGIN TRUNCATE kept; RETURN 'ok'; END $$;
CREATE CAST (integer AS mood) WITH FUNCTION to_mood(integer);
CREATE FUNCTION eat(integer, integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN DELETE FROM kept; RETURN 1; END $$;
CREATE AGGREGATE eats (integer) (SFUNC = eat, STYPE = integer);
CREATE AGGREGATE joined (text) (SFUNC = textcat, STYPE = text);
CREATE DOMAIN gate AS integer CHECK (wipe() > 0);
CREATE TABLE gated (id gate);
CREATE FUNCTION by_default(n integer DEFAULT wipe()) RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$;
"""
)
NAMES = "log t mv s pair v child parent shown watched parts wipe outer_wipe wiping sweep kept"


def _spelled(name: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: text.format(**{one: name(one) for one in NAMES.split()})


def _commented(text: str) -> str:
    """Put comments where spaces are, but not into strings."""
    parts = text.split("'")
    return "'".join(one if at % 2 else one.replace(" ", " /* -- ' */\n-- \" $$\n ") for at, one in enumerate(parts))


plain, quoted = _spelled(str), _spelled(lambda one: f'"{one}"')
SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "plain": plain,
    "quoted": quoted,
    "qualified": _spelled(lambda one: f'public."{one}"'),
    "capitals": lambda text: plain(text).replace("FROM log", "FROM LOG") if "'" in text else plain(text).upper(),
    "comments": lambda text: _spelled(lambda one: f"public . /* ; */ {one}")(_commented(text)),
    "unicode": _spelled(lambda one: 'U&"' + "".join(f"\\{ord(letter):04x}" for letter in one) + '"'),
    "after a parameter called begin": lambda text: (
        "CREATE FUNCTION busy(begin integer, finish integer) RETURNS integer LANGUAGE sql AS $$ SELECT 1 AS end $$;\n"
        + plain(text)
    ),
    "DO": lambda text: f"DO $x$ BEGIN IF now() > '2000-01-01' THEN {quoted(text)}; END IF; END $x$",
    "DO in DO": lambda text: f"DO $x$ BEGIN DO $y$ BEGIN {plain(text)}; END $y$; END $x$",
    "PL/pgSQL": lambda text: (
        "CREATE FUNCTION zz(begin mood, OUT x integer) LANGUAGE plpgsql AS"
        f" $q$ DECLARE r t%ROWTYPE; BEGIN LOOP {quoted(text)}; END LOOP; EXCEPTION WHEN others THEN NULL; END $q$;\nSELECT zz('ok');"
    ),
    "exception": lambda text: f"DO $x$ BEGIN NULL; EXCEPTION WHEN others THEN {plain(text)}; END $x$",
    "SQL function": lambda text: (
        f"CREATE FUNCTION zz() RETURNS void LANGUAGE sql AS $q$ {plain(text)} $q$;\nSELECT public.zz();"
    ),
    "trigger": lambda text: (
        "CREATE FUNCTION zz() RETURNS trigger LANGUAGE plpgsql AS"
        f" $q$ BEGIN NEW.id := OLD.id; {plain(text)}; RETURN NEW; END $q$;\n"
        "CREATE TRIGGER zz BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION zz(); INSERT INTO log VALUES (1)"
    ),
}

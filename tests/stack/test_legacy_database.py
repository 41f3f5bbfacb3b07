"""A database that an older pool manager filled: the next update takes it over, and nobody's row is lost."""

from __future__ import annotations

import psycopg
import pytest

from tests.stack.fix_stack import LocalStack

pytestmark = pytest.mark.stack
LEGACY = """
DROP TABLE agent_metadata, schema_history;
CREATE TABLE pool_instances (
    id text PRIMARY KEY, railway_service_id text NOT NULL, railway_url text, status text NOT NULL DEFAULT 'starting',
    health_check_failures integer DEFAULT 0, claimed_by text, conversation_id text, invite_url text, instructions text,
    join_url text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), claimed_at timestamptz
);
INSERT INTO pool_instances (id, railway_service_id, status, claimed_by, conversation_id) VALUES
    ('a1', 's1', 'claimed', 'Ada', 'c1'), ('a2', 's2', 'idle', NULL, NULL), ('a3', 's3', 'claimed', 'Grace', NULL);
"""


def test_a_legacy_table_becomes_agent_metadata_and_claimed_agents_keep_their_rows(stack: LocalStack) -> None:
    with psycopg.connect(stack.outputs()["database"]["url"], autocommit=True) as connection:
        connection.execute(LEGACY)
        stack.cost()
        preview = stack.preview()
        assert preview.code == 0, preview.text
        assert "0001_agent_metadata.sql" in preview.text
        done = stack.up()
        assert done.code == 0, done.text
        assert stack.cost() == []
        rows = connection.execute("SELECT id, agent_name, conversation_id FROM agent_metadata ORDER BY id").fetchall()
        legacy = connection.execute("SELECT to_regclass('pool_instances')").fetchone()
    assert rows == [("a1", "Ada", "c1"), ("a3", "Grace", None)]
    assert legacy == (None,)

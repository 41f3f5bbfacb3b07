-- The agents that somebody has claimed: one row each, written by the pool manager.
-- Idempotent: the pool manager's own migrate() may have made the table, and databases of older pool managers hold the
-- same rows in pool_instances. What a claimed agent's row holds survives exactly; unclaimed rows are not agents' rows.
-- allow: drop-column agent_metadata.railway_url
-- allow: drop-column agent_metadata.status
-- allow: drop-column agent_metadata.health_check_failures
-- allow: drop-column agent_metadata.updated_at
-- allow: drop-column agent_metadata.join_url
-- Some hundred rows at most, so a scan is over at once:
-- allow: set-not-null agent_metadata.railway_service_id
-- allow: set-not-null agent_metadata.agent_name
-- allow: set-not-null agent_metadata.created_at
-- squawk-ignore-file adding-not-nullable-field
DO $$
DECLARE
    lost integer;
BEGIN
    IF to_regclass('pool_instances') IS NULL THEN
        RETURN;
    END IF;
    IF to_regclass('agent_metadata') IS NOT NULL THEN
        SELECT count(*) INTO lost FROM pool_instances
        WHERE claimed_by IS NOT NULL AND id NOT IN (SELECT id FROM agent_metadata);
        IF lost > 0 THEN
            RAISE EXCEPTION 'pool_instances and agent_metadata are both there, and % claimed agents are only in the first', lost
                USING HINT = 'copy them to agent_metadata, or set their claimed_by to NULL';
        END IF;
        RETURN;
    END IF;
    ALTER TABLE pool_instances RENAME TO agent_metadata;
    IF EXISTS (SELECT FROM pg_constraint
               WHERE conrelid = 'agent_metadata'::regclass AND conname = 'pool_instances_pkey') THEN
        ALTER TABLE agent_metadata RENAME CONSTRAINT pool_instances_pkey TO agent_metadata_pkey;
    END IF;
    ALTER TABLE agent_metadata DROP COLUMN IF EXISTS railway_url;
    ALTER TABLE agent_metadata DROP COLUMN IF EXISTS status;
    ALTER TABLE agent_metadata DROP COLUMN IF EXISTS health_check_failures;
    ALTER TABLE agent_metadata DROP COLUMN IF EXISTS updated_at;
    ALTER TABLE agent_metadata DROP COLUMN IF EXISTS join_url;
    IF EXISTS (SELECT FROM pg_attribute
               WHERE attrelid = 'agent_metadata'::regclass AND attname = 'claimed_by' AND NOT attisdropped) THEN
        ALTER TABLE agent_metadata RENAME COLUMN claimed_by TO agent_name;
    END IF;
    DELETE FROM agent_metadata WHERE agent_name IS NULL;
END
$$;

CREATE TABLE IF NOT EXISTS agent_metadata (
    id text PRIMARY KEY,
    railway_service_id text NOT NULL,
    agent_name text NOT NULL,
    conversation_id text,
    invite_url text,
    instructions text,
    created_at timestamptz NOT NULL DEFAULT now(),
    claimed_at timestamptz DEFAULT now(),
    source_branch text,
    openrouter_key_hash text,
    agentmail_inbox_id text
);

ALTER TABLE agent_metadata ADD COLUMN IF NOT EXISTS conversation_id text;
ALTER TABLE agent_metadata ADD COLUMN IF NOT EXISTS invite_url text;
ALTER TABLE agent_metadata ADD COLUMN IF NOT EXISTS instructions text;
ALTER TABLE agent_metadata ADD COLUMN IF NOT EXISTS source_branch text;
ALTER TABLE agent_metadata ADD COLUMN IF NOT EXISTS openrouter_key_hash text;
ALTER TABLE agent_metadata ADD COLUMN IF NOT EXISTS agentmail_inbox_id text;
ALTER TABLE agent_metadata ALTER COLUMN created_at SET DEFAULT now();
ALTER TABLE agent_metadata ALTER COLUMN claimed_at SET DEFAULT now();

UPDATE agent_metadata SET created_at = coalesce(claimed_at, now()) WHERE created_at IS NULL;

ALTER TABLE agent_metadata ALTER COLUMN railway_service_id SET NOT NULL;
ALTER TABLE agent_metadata ALTER COLUMN agent_name SET NOT NULL;
ALTER TABLE agent_metadata ALTER COLUMN created_at SET NOT NULL;

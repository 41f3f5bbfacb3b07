-- What all migrations add up to, for people to read; a test compares the two catalogs.
CREATE TABLE agent_metadata (
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

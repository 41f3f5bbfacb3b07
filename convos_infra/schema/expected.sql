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

CREATE TABLE pool_leader (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE TABLE agent_rollout (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    image text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    aborted_batch bigint,
    reason text,
    CHECK ((aborted_batch IS NULL) = (reason IS NULL))
);

CREATE TABLE agent_move (
    agent_id text PRIMARY KEY,
    railway_service_id text NOT NULL,
    image text NOT NULL,
    previous_image text NOT NULL,
    batch bigint NOT NULL CHECK (batch > 0),
    settled boolean NOT NULL DEFAULT false,
    moved_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agent_credential (
    agent_id text PRIMARY KEY,
    railway_environment_id text NOT NULL,
    railway_service_id text NOT NULL,
    openrouter_key_hash text,
    agentmail_inbox_id text,
    found_by_name boolean NOT NULL DEFAULT true,
    removing boolean NOT NULL DEFAULT false,
    forgets_claim boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agent_claim_unknown (
    agent_id text PRIMARY KEY,
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE pool_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL,
    agent_id text,
    reason text NOT NULL
);

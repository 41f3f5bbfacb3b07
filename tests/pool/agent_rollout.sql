-- What the pool manager remembers of a rollout: which image, which agents were moved, and which pool manager is in charge.
CREATE TABLE IF NOT EXISTS pool_leader (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS agent_rollout (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    image text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    aborted_batch integer,
    reason text
);

CREATE TABLE IF NOT EXISTS agent_move (
    agent_id text PRIMARY KEY,
    railway_service_id text NOT NULL,
    image text NOT NULL,
    previous_image text NOT NULL,
    batch integer NOT NULL,
    settled boolean NOT NULL DEFAULT false,
    moved_at timestamptz NOT NULL DEFAULT now()
);

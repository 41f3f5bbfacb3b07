-- What the pool manager remembers of a rollout: to which image, which agents were moved, which pool manager is in charge.
-- A move is written down before it is made, so a pool manager that was killed at any moment goes on where it stopped.
CREATE TABLE IF NOT EXISTS pool_leader (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS agent_rollout (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    image text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    aborted_batch bigint,
    reason text,
    CHECK ((aborted_batch IS NULL) = (reason IS NULL))
);

CREATE TABLE IF NOT EXISTS agent_move (
    agent_id text PRIMARY KEY,
    railway_service_id text NOT NULL,
    image text NOT NULL,
    previous_image text NOT NULL,
    batch bigint NOT NULL CHECK (batch > 0),
    settled boolean NOT NULL DEFAULT false,
    moved_at timestamptz NOT NULL DEFAULT now()
);

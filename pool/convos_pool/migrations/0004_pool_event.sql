-- What pool managers have done and why, for people: the pool manager keeps the newest 500.
CREATE TABLE IF NOT EXISTS pool_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL,
    agent_id text,
    reason text NOT NULL
);

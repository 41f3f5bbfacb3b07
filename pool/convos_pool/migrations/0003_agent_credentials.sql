-- Which OpenRouter key and which AgentMail inbox was made for which agent. A row is there before the first of the two is
-- made and until both are gone, so that a pool manager that was killed in between leaves nothing behind.
CREATE TABLE IF NOT EXISTS agent_credential (
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

-- Agents that were told of a claim, and of which nobody knows what came of it.
CREATE TABLE IF NOT EXISTS agent_claim_unknown (
    agent_id text PRIMARY KEY,
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);

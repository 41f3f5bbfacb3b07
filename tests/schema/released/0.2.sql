CREATE TABLE public.agent_claim_unknown (
    agent_id text NOT NULL,
    reason text NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.agent_credential (
    agent_id text NOT NULL,
    railway_environment_id text NOT NULL,
    railway_service_id text NOT NULL,
    openrouter_key_hash text,
    agentmail_inbox_id text,
    found_by_name boolean DEFAULT true NOT NULL,
    removing boolean DEFAULT false NOT NULL,
    forgets_claim boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.agent_metadata (
    id text NOT NULL,
    railway_service_id text NOT NULL,
    agent_name text NOT NULL,
    conversation_id text,
    invite_url text,
    instructions text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    claimed_at timestamp with time zone DEFAULT now(),
    source_branch text,
    openrouter_key_hash text,
    agentmail_inbox_id text
);

CREATE TABLE public.agent_move (
    agent_id text NOT NULL,
    railway_service_id text NOT NULL,
    image text NOT NULL,
    previous_image text NOT NULL,
    batch bigint NOT NULL,
    settled boolean DEFAULT false NOT NULL,
    moved_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT agent_move_batch_check CHECK ((batch > 0))
);

CREATE TABLE public.agent_rollout (
    only_row boolean DEFAULT true NOT NULL,
    image text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    aborted_batch bigint,
    reason text,
    CONSTRAINT agent_rollout_check CHECK (((aborted_batch IS NULL) = (reason IS NULL))),
    CONSTRAINT agent_rollout_only_row_check CHECK (only_row)
);

CREATE TABLE public.pool_leader (
    only_row boolean DEFAULT true NOT NULL,
    since timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    CONSTRAINT pool_leader_only_row_check CHECK (only_row)
);

CREATE TABLE public.schema_history (
    version text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    seconds double precision NOT NULL,
    applied_by text DEFAULT CURRENT_USER NOT NULL,
    program text NOT NULL,
    baseline boolean DEFAULT false NOT NULL,
    catalog jsonb
);

INSERT INTO public.schema_history VALUES ('0001', 'agent_metadata', 'sha256:1cf9726b17db6e6a0157ec7a8414fa78c804f4b4dbb4faa044715890abefc196', '2026-11-27 00:24:45.513194+00', 0.008218, 'owner', '0.2.0', false, NULL);
INSERT INTO public.schema_history VALUES ('0002', 'agent_rollout', 'sha256:43a4db19c8cf401668ec070201d2adb0f33cbfe8978d258ec232785f077601fa', '2026-11-27 00:24:45.521722+00', 0.002502, 'owner', '0.2.0', false, NULL);
INSERT INTO public.schema_history VALUES ('0003', 'agent_credentials', 'sha256:84ca7bdde92d90549509ae4520ced1f5f47ebecbc26e38dcc831844186c13296', '2026-11-27 00:24:45.525081+00', 0.026286, 'owner', '0.2.0', false, '{"format": 2, "server": 15, "objects": {"table agent_move": "", "table pool_leader": "", "table agent_rollout": "", "table agent_metadata": "", "owner of schema public": "pg_database_owner", "table agent_credential": "", "column agent_move.batch": "bigint NOT NULL", "column agent_move.image": "text NOT NULL", "rights on schema public": "=U/pg_database_owner, pg_database_owner=UC/pg_database_owner", "column agent_metadata.id": "text NOT NULL", "column pool_leader.since": "timestamp with time zone NOT NULL", "column agent_move.settled": "boolean NOT NULL DEFAULT false", "owner of table agent_move": "owner", "table agent_claim_unknown": "", "column agent_move.agent_id": "text NOT NULL", "column agent_move.moved_at": "timestamp with time zone NOT NULL DEFAULT now()", "column agent_rollout.image": "text NOT NULL", "column pool_leader.seen_at": "timestamp with time zone NOT NULL", "owner of table pool_leader": "owner", "column agent_rollout.reason": "text", "column pool_leader.only_row": "boolean NOT NULL DEFAULT true", "owner of table agent_rollout": "owner", "column agent_rollout.only_row": "boolean NOT NULL DEFAULT true", "owner of table agent_metadata": "owner", "column agent_rollout.started_at": "timestamp with time zone NOT NULL DEFAULT now()", "owner of table agent_credential": "owner", "column agent_claim_unknown.since": "timestamp with time zone NOT NULL DEFAULT now()", "column agent_credential.agent_id": "text NOT NULL", "column agent_credential.removing": "boolean NOT NULL DEFAULT false", "column agent_metadata.agent_name": "text NOT NULL", "column agent_metadata.claimed_at": "timestamp with time zone DEFAULT now()", "column agent_metadata.created_at": "timestamp with time zone NOT NULL DEFAULT now()", "column agent_metadata.invite_url": "text", "column agent_move.previous_image": "text NOT NULL", "column agent_claim_unknown.reason": "text NOT NULL", "column agent_credential.created_at": "timestamp with time zone NOT NULL DEFAULT now()", "column agent_metadata.instructions": "text", "column agent_rollout.aborted_batch": "bigint", "owner of table agent_claim_unknown": "owner", "column agent_claim_unknown.agent_id": "text NOT NULL", "column agent_metadata.source_branch": "text", "column agent_move.railway_service_id": "text NOT NULL", "column agent_credential.forgets_claim": "boolean NOT NULL DEFAULT false", "column agent_credential.found_by_name": "boolean NOT NULL DEFAULT true", "column agent_metadata.conversation_id": "text", "constraint agent_move.agent_move_pkey": "PRIMARY KEY (agent_id)", "constraint pool_leader.pool_leader_pkey": "PRIMARY KEY (only_row)", "column agent_metadata.agentmail_inbox_id": "text", "column agent_metadata.railway_service_id": "text NOT NULL", "column agent_metadata.openrouter_key_hash": "text", "column agent_credential.agentmail_inbox_id": "text", "column agent_credential.railway_service_id": "text NOT NULL", "column agent_credential.openrouter_key_hash": "text", "constraint agent_rollout.agent_rollout_pkey": "PRIMARY KEY (only_row)", "constraint agent_move.agent_move_batch_check": "CHECK ((batch > 0))", "constraint agent_rollout.agent_rollout_check": "CHECK (((aborted_batch IS NULL) = (reason IS NULL)))", "constraint agent_metadata.agent_metadata_pkey": "PRIMARY KEY (id)", "column agent_credential.railway_environment_id": "text NOT NULL", "constraint agent_credential.agent_credential_pkey": "PRIMARY KEY (agent_id)", "constraint pool_leader.pool_leader_only_row_check": "CHECK (only_row)", "constraint agent_rollout.agent_rollout_only_row_check": "CHECK (only_row)", "constraint agent_claim_unknown.agent_claim_unknown_pkey": "PRIMARY KEY (agent_id)"}}');

ALTER TABLE ONLY public.agent_claim_unknown
    ADD CONSTRAINT agent_claim_unknown_pkey PRIMARY KEY (agent_id);

ALTER TABLE ONLY public.agent_credential
    ADD CONSTRAINT agent_credential_pkey PRIMARY KEY (agent_id);

ALTER TABLE ONLY public.agent_metadata
    ADD CONSTRAINT agent_metadata_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.agent_move
    ADD CONSTRAINT agent_move_pkey PRIMARY KEY (agent_id);

ALTER TABLE ONLY public.agent_rollout
    ADD CONSTRAINT agent_rollout_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.pool_leader
    ADD CONSTRAINT pool_leader_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.schema_history
    ADD CONSTRAINT schema_history_pkey PRIMARY KEY (version);

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

INSERT INTO public.schema_history VALUES ('0001', 'agent_metadata', 'sha256:1cf9726b17db6e6a0157ec7a8414fa78c804f4b4dbb4faa044715890abefc196', '2026-11-26 22:50:09.459329+00', 0.113317, 'owner', '0.1.0', false, '{"format": 1, "server": 15, "objects": {"table agent_metadata": "", "column agent_metadata.id": "text NOT NULL", "column agent_metadata.agent_name": "text NOT NULL", "column agent_metadata.claimed_at": "timestamp with time zone DEFAULT now()", "column agent_metadata.created_at": "timestamp with time zone NOT NULL DEFAULT now()", "column agent_metadata.invite_url": "text", "column agent_metadata.instructions": "text", "column agent_metadata.source_branch": "text", "column agent_metadata.conversation_id": "text", "column agent_metadata.agentmail_inbox_id": "text", "column agent_metadata.railway_service_id": "text NOT NULL", "column agent_metadata.openrouter_key_hash": "text", "constraint agent_metadata.agent_metadata_pkey": "PRIMARY KEY (id)"}}');

ALTER TABLE ONLY public.agent_metadata
    ADD CONSTRAINT agent_metadata_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.schema_history
    ADD CONSTRAINT schema_history_pkey PRIMARY KEY (version);

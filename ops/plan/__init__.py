"""Read-only answers to "what would an update do": the whole plan, the schema's migrations, the agents' rollout."""

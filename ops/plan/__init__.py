"""Read-only answers to "what would an update do": the schema's migrations, the rollout over the agents."""

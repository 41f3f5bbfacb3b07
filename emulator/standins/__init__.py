"""Stand-ins for OpenRouter and AgentMail, which create the keys and inboxes of agents. Their state is in memory."""

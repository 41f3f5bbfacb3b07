"""Clients of OpenRouter and AgentMail for agents' keys and inboxes; used by the pool manager and the program."""

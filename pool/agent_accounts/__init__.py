"""Clients of OpenRouter and AgentMail, where agents have keys and inboxes; for the pool manager and the program."""

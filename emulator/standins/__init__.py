"""Stand-ins for the services that agents' keys and inboxes come from: small, strict, in memory."""

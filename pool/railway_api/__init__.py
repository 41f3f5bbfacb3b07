"""A client of Railway's GraphQL API: one POST, typed errors, safe retries; it imports nothing else of this project."""

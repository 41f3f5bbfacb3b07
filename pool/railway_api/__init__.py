"""A client of Railway's GraphQL API: one POST, typed errors, safe retries. It depends on nothing else of this project."""

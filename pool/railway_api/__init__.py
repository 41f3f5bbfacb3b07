"""A client of Railway's GraphQL API with typed errors and safe retries. It imports nothing else of this project."""

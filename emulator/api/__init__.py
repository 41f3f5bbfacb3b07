"""The resolvers, one file for each noun; each takes the caller's `Request` from the GraphQL context."""

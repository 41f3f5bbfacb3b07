"""The resolvers, a file a noun; each takes the caller's `Request` from the GraphQL context."""

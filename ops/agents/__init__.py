"""The agents of a stack's pool: listed, moved, drained, ended."""

"""A stack's updates: who, when, from which commit, which image, with what result."""

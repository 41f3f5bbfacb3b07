"""The checks of a destroy: everything that could forbid it is asked before the first deletion."""

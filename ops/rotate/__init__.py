"""A key of a stack is replaced everywhere, until nothing has the old value."""

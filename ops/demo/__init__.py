"""A day of operations on the local stack."""

"""Backs up a stack's database to a file, and restores it: as a drill, or over the stack's own tables."""

"""Generates files from the model of a stack's config and from the declarations of the keys."""

"""Texts that are written from the model of a stack's config and from the declaration of the keys."""

"""Walks through a stack's first deploy, from an empty account to a stack that runs."""

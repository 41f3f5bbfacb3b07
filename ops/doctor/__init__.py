"""Asks everything that a stack depends on whether it would answer an update now."""

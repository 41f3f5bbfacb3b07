"""Describes a live environment as a stack."""

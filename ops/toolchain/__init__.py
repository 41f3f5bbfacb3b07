"""Installs the pinned tools on a machine that may have none of them, with only the standard library of Python."""

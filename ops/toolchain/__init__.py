"""Pinned tools for a machine that may have none of them; on plain Python, before any virtual environment exists."""

"""The images that a stack can be pinned to."""

"""Pulumi resources for Railway. Module paths and class names are part of the state's format: never move them.

Each resource has a file: its inputs as a dataclass, its provider and the resource itself. The other files are shared by
several of them. Pulumi pickles a provider as `module.Class`.
"""

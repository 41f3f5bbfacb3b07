"""Railway's things as Pulumi resources. Module paths and class names are part of the state's format: never move them.

One thing a file: its inputs as a dataclass, its provider, its resource. Pulumi pickles a provider as `module.Class`.
"""

"""Everything whose import path enters Pulumi's state, or that does I/O.

Module paths and class names of providers below this package are part of the state's format: a stack that exists
cannot be refreshed, updated or destroyed once they move (docs/decisions/0001-import-root.md).
"""

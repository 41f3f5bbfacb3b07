"""The contract between the program, the pool manager and its callers: variables, policy and HTTP bodies.

It imports nothing else of this repository, so that a preview can refuse everything that the pool manager would refuse.
"""

"""The contract between the program, the pool manager and its callers: variables, policy and HTTP bodies.

Depends on nothing of this repository, so that the program can refuse in a preview what the pool manager would refuse.
"""

"""The part of a rollout over living agents that belongs to Pulumi: policy, plan and wait. The pool manager executes it.

This package does not depend on Railway: it uses the pool manager's HTTP API (docs/decisions/0009-who-rolls-out.md).
"""

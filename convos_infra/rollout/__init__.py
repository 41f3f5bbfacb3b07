"""What Pulumi has to do with a rollout over living agents: policy, plan and the wait. The pool manager carries it out.

Knows nothing of Railway: it speaks with the pool manager's HTTP API (docs/decisions/0009-who-rolls-out.md).
"""

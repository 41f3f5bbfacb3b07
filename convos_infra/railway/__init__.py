"""Everything about Railway: pure config and plans, snapshots of environments, waits, and the resources on top.

operations -> client (retry, errors) -> snapshot, waiter -> session -> resources
environment_config, patch_plan, deployment: pure, used by resources
"""

"""Railway and nothing else: one client, pure config and plan, one snapshot and one wait, and the resources on top.

operations -> client (retry, errors) -> snapshot, waiter -> session -> resources
environment_config, patch_plan, deployment: pure, used by resources
"""

"""Everything about Railway: pure config and plans, reads of environments, waits, and the resources on top of them.

railway_api (client, documents) -> listing, snapshot, waiter -> session -> commit, bring, removal -> resources
service_configuration, environment_config, patch_plan, change, deployment, references: pure, used by the others
"""

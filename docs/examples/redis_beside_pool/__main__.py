"""Redis beside the pool manager: one more service in its environment, with a volume and a password of its own."""

import pulumi

from components.environment import EnvironmentPlace
from components.railway_service import RailwayService, ServiceParts, ServiceSecret
from convos_infra.destroy.gate import DestroyGate, DestroyGateArgs
from convos_infra.railway.service_configuration import ServiceConfiguration

config = pulumi.Config()
place = EnvironmentPlace(
    config.require("projectId"),
    config.require("environmentId"),
    deployment_seconds=300,
    health_seconds=60,
    overwrite_changes=False,
    protect=config.get_bool("protect") or False,
)
redis = RailwayService(
    "redis",
    place,
    ServiceConfiguration(
        image=config.get("image") or "redis:8.2.1-alpine",
        start_command="/bin/sh -c 'exec redis-server --appendonly yes --dir /data --requirepass \"$REDIS_PASSWORD\"'",
        required_mount_path="/data",
        variables={"REDIS_URL": "redis://default:${{REDIS_PASSWORD}}@${{RAILWAY_PRIVATE_DOMAIN}}:6379"},
    ),
    ServiceParts(volume="/data"),
    [ServiceSecret("REDIS_PASSWORD", "redisPassword", config.get_secret("redisPassword"), url_part=True)],
)
declared = redis.declared
gate = DestroyGateArgs(place.project_id, place.environment_id, None, [declared.service], declared.volumes)
DestroyGate("destroy-gate", gate, pulumi.ResourceOptions(depends_on=[redis]))
pulumi.export("url", "${{redis.REDIS_URL}}")

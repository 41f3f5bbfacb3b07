"""The fields of a ServiceInstance that come from the stored config. Pure."""

from __future__ import annotations

from typing import Any

from emulator.config import Config, replicas

_OF_DEPLOY = (
    "startCommand",
    "preDeployCommand",
    "healthcheckPath",
    "healthcheckTimeout",
    "cronSchedule",
    "sleepApplication",
    "overlapSeconds",
    "drainingSeconds",
    "ipv6EgressEnabled",
)
_BUILDERS = ("NIXPACKS", "RAILPACK")


def instance_fields(config: Config) -> dict[str, Any]:
    """Return the fields of a service instance, by their names in GraphQL."""
    deploy, build, source = (config.get(part) or {} for part in ("deploy", "build", "source"))
    return {
        "isUpdatable": True,
        "source": {"image": source.get("image"), "repo": source.get("repo")} if source else None,
        "builder": build.get("builder") if build.get("builder") in _BUILDERS else "RAILPACK",
        "buildCommand": build.get("buildCommand"),
        "dockerfilePath": build.get("dockerfilePath"),
        "watchPatterns": build.get("watchPatterns") or [],
        "rootDirectory": source.get("rootDirectory"),
        "railwayConfigFile": config.get("configFile"),
        "upstreamUrl": source.get("upstreamUrl"),
        "region": None,
        "nextCronRunAt": None,
        "nixpacksPlan": None,
        "numReplicas": replicas(deploy),
        "restartPolicyType": deploy.get("restartPolicyType") or "ON_FAILURE",
        "restartPolicyMaxRetries": deploy.get("restartPolicyMaxRetries", 10),
        **{key: deploy.get(key) for key in _OF_DEPLOY},
    }

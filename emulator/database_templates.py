"""The templates of the four databases of `railway add --database`.

Their variables are those of Railway's documentation (fact: postgres-variables) (fact: database-variables).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

_NAMESPACE = uuid.UUID("5b8e6f0a-2c41-4d7b-8f93-6a1d0e7c4b25")
_RANDOM = "${{secret(32)}}"


def _template(code: str, name: str, image: str, mount: str, port: int, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return a template of one service with a volume and a TCP proxy.

    Args:
        code: the code by which clients request it.
        name: the name of the template and of its service.
        image: the service's image.
        mount: where its volume is mounted.
        port: the port that its proxy leads to.
        variables: the variables' defaults.
    """
    service = str(uuid.uuid5(_NAMESPACE, f"{code}/service"))
    config = {
        "name": name,
        "source": {"image": image},
        "deploy": {"requiredMountPath": mount},
        "networking": {"tcpProxies": {str(port): {}}},
        "variables": {key: {"defaultValue": value, "isOptional": False} for key, value in variables.items()},
        "volumeMounts": {service: {"mountPath": mount}},
    }
    return {
        "id": str(uuid.uuid5(_NAMESPACE, code)),
        "code": code,
        "name": name,
        "description": f"{name} with a volume and a TCP proxy",
        "serializedConfig": {"services": {service: config}},
    }


_POSTGRES_DATA = "/var/lib/postgresql/data"
POSTGRES = _template(
    "postgres",
    "Postgres",
    "ghcr.io/railwayapp-templates/postgres-ssl:17",
    _POSTGRES_DATA,
    5432,
    {
        "PGDATA": f"{_POSTGRES_DATA}/pgdata",
        "PGHOST": "${{RAILWAY_PRIVATE_DOMAIN}}",
        "PGPORT": "5432",
        "PGUSER": "${{POSTGRES_USER}}",
        "PGPASSWORD": "${{POSTGRES_PASSWORD}}",
        "PGDATABASE": "${{POSTGRES_DB}}",
        "POSTGRES_USER": "postgres",
        "POSTGRES_PASSWORD": _RANDOM,
        "POSTGRES_DB": "railway",
        "DATABASE_URL": "postgresql://${{PGUSER}}:${{PGPASSWORD}}@${{PGHOST}}:${{PGPORT}}/${{PGDATABASE}}",
        "SSL_CERT_DAYS": "820",
        "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "60",
    },
)
_REDIS = _template(
    "redis",
    "Redis",
    "railwayapp/redis:8.2",
    "/bitnami",
    6379,
    {
        "REDISHOST": "${{RAILWAY_PRIVATE_DOMAIN}}",
        "REDISPORT": "6379",
        "REDISUSER": "default",
        "REDISPASSWORD": "${{REDIS_PASSWORD}}",
        "REDIS_PASSWORD": _RANDOM,
        "REDIS_URL": "redis://${{REDISUSER}}:${{REDISPASSWORD}}@${{REDISHOST}}:${{REDISPORT}}",
    },
)
_MYSQL = _template(
    "mysql",
    "MySQL",
    "mysql:9",
    "/var/lib/mysql",
    3306,
    {
        "MYSQLHOST": "${{RAILWAY_PRIVATE_DOMAIN}}",
        "MYSQLPORT": "3306",
        "MYSQLUSER": "root",
        "MYSQLPASSWORD": "${{MYSQL_ROOT_PASSWORD}}",
        "MYSQLDATABASE": "${{MYSQL_DATABASE}}",
        "MYSQL_DATABASE": "railway",
        "MYSQL_ROOT_PASSWORD": _RANDOM,
        "MYSQL_URL": "mysql://${{MYSQLUSER}}:${{MYSQLPASSWORD}}@${{MYSQLHOST}}:${{MYSQLPORT}}/${{MYSQLDATABASE}}",
    },
)
_MONGO = _template(
    "mongo",
    "MongoDB",
    "mongo:8",
    "/data/db",
    27017,
    {
        "MONGOHOST": "${{RAILWAY_PRIVATE_DOMAIN}}",
        "MONGOPORT": "27017",
        "MONGOUSER": "${{MONGO_INITDB_ROOT_USERNAME}}",
        "MONGOPASSWORD": "${{MONGO_INITDB_ROOT_PASSWORD}}",
        "MONGO_INITDB_ROOT_USERNAME": "mongo",
        "MONGO_INITDB_ROOT_PASSWORD": _RANDOM,
        "MONGO_URL": "mongodb://${{MONGOUSER}}:${{MONGOPASSWORD}}@${{MONGOHOST}}:${{MONGOPORT}}",
    },
)
TEMPLATES = (POSTGRES, _REDIS, _MYSQL, _MONGO)


def find(*, code: str | None = None, id_: str | None = None) -> dict[str, Any] | None:
    """Return the template that has a code or an id."""
    return next((one for one in TEMPLATES if one["code"] == code or one["id"] == id_), None)

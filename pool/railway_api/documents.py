"""Every GraphQL document that this program sends; a unit test validates them against the SDL.

Nested references that Railway promises but does not always have (`Variable.service`, `VolumeInstance.service`) are
never selected: one that is missing turns the whole answer into "Problem processing request" (fact: non-null-trap).
"""

from __future__ import annotations

WORKSPACES = "query workspaces { apiToken { workspaces { id name } } }"
PROJECT_TOKEN = "query projectToken { projectToken { projectId environmentId } }"  # noqa: S105
_PAGE_INFO = "pageInfo { hasNextPage endCursor }"
_TOKENS = f"""projectTokens(projectId: $projectId, first: 500) {{
    edges {{ node {{ id name environmentId }} }}
    {_PAGE_INFO}
  }}"""
PROJECT_TOKENS = f"query projectTokens($projectId: String!) {{ {_TOKENS} }}"
MORE_PROJECT_TOKENS = f"""
query projectTokens($id: String!, $after: String) {{
  projectTokens(projectId: $id, first: 500, after: $after) {{
    edges {{ node {{ id name environmentId }} }}
    {_PAGE_INFO}
  }}
}}"""
PROJECT_TOKEN_CREATE = (
    "mutation projectTokenCreate($input: ProjectTokenCreateInput!) { projectTokenCreate(input: $input) }"  # noqa: S105
)
PROJECT_TOKEN_DELETE = "mutation projectTokenDelete($id: String!) { projectTokenDelete(id: $id) }"  # noqa: S105

PROJECTS = """
query projects($workspaceId: String, $after: String, $deleted: Boolean) {
  projects(workspaceId: $workspaceId, first: 100, after: $after, includeDeleted: $deleted) {
    edges { node { id name description createdAt deletedAt workspaceId baseEnvironmentId primaryEnvironmentId } }
    pageInfo { hasNextPage endCursor }
  }
}"""
_ENVIRONMENT = "id name createdAt deletedAt isEphemeral sourceEnvironment { id }"
_VOLUME_INSTANCE = "id volumeId serviceId mountPath region currentSizeMB sizeMB createdAt isPendingDeletion deletedAt"
_VOLUME = """id name volumeInstances(first: 100) {
        edges { node { environmentId deletedAt } } pageInfo { hasNextPage }
      }"""
_SERVICE, _BUCKET = "id name createdAt deletedAt", "id name"
_DEPLOYMENT = "id status createdAt meta url deploymentStopped"
_INSTANCE = f"""serviceId serviceName
        latestDeployment {{ {_DEPLOYMENT} }}
        activeDeployments {{ {_DEPLOYMENT} }}
        domains {{
          serviceDomains {{ id domain suffix targetPort deletedAt }}
          customDomains {{
            id domain targetPort deletedAt
            status {{
              verified verificationDnsHost verificationToken certificateStatus
              dnsRecords {{ fqdn hostlabel purpose recordType requiredValue currentValue status zone }}
            }}
          }}
        }}"""
PROJECT = f"""
query project($id: String!) {{
  project(id: $id) {{
    id name description deletedAt workspaceId baseEnvironmentId primaryEnvironmentId
    environments(first: 500) {{ edges {{ node {{ {_ENVIRONMENT} }} }} {_PAGE_INFO} }}
    services(first: 500) {{ edges {{ node {{ id name deletedAt }} }} }}
  }}
}}"""


def _further(parent: str, connection: str, fields: str) -> str:
    """Return a query for one more page of a connection of `$id`, after the cursor `$after`."""
    return f"""
query {connection}($id: String!, $after: String) {{
  {parent}(id: $id) {{
    {connection}(first: 500, after: $after) {{ edges {{ node {{ {fields} }} }} {_PAGE_INFO} }}
  }}
}}"""


MORE_ENVIRONMENTS = _further("project", "environments", _ENVIRONMENT)
MORE_SERVICES = _further("project", "services", _SERVICE)
MORE_VOLUMES = _further("project", "volumes", _VOLUME)
MORE_BUCKETS = _further("project", "buckets", _BUCKET)
MORE_SERVICE_INSTANCES = _further("environment", "serviceInstances", _INSTANCE)
MORE_VOLUME_INSTANCES = _further("environment", "volumeInstances", _VOLUME_INSTANCE)
PROJECT_CREATE = """
mutation projectCreate($input: ProjectCreateInput!) {
  projectCreate(input: $input) { id name baseEnvironmentId primaryEnvironmentId }
}"""
PROJECT_UPDATE = """
mutation projectUpdate($id: String!, $input: ProjectUpdateInput!) {
  projectUpdate(id: $id, input: $input) { id name }
}"""
PROJECT_DELETE = "mutation projectDelete($id: String!) { projectDelete(id: $id) }"

ENVIRONMENT_CREATE = """
mutation environmentCreate($input: EnvironmentCreateInput!) { environmentCreate(input: $input) { id name } }"""
ENVIRONMENT_RENAME = """
mutation environmentRename($id: String!, $input: EnvironmentRenameInput!) {
  environmentRename(id: $id, input: $input) { id name }
}"""
ENVIRONMENT_DELETE = "mutation environmentDelete($id: String!) { environmentDelete(id: $id) }"


def _snapshot(more: str) -> str:
    """Return the query for everything about an environment; `more` is a further field of the same query."""
    return f"""
query environmentSnapshot($environmentId: String!, $projectId: String!) {{
  environment(id: $environmentId) {{
    id name deletedAt isEphemeral sourceEnvironment {{ id }}
    config(decryptVariables: true)
    serviceInstances(first: 500) {{ edges {{ node {{ {_INSTANCE} }} }} {_PAGE_INFO} }}
    volumeInstances(first: 500) {{ edges {{ node {{ {_VOLUME_INSTANCE} }} }} {_PAGE_INFO} }}
  }}
  project(id: $projectId) {{
    id name baseEnvironmentId
    environments(first: 500) {{ edges {{ node {{ {_ENVIRONMENT} }} }} {_PAGE_INFO} }}
    services(first: 500) {{ edges {{ node {{ {_SERVICE} }} }} {_PAGE_INFO} }}
    volumes(first: 500) {{ edges {{ node {{ {_VOLUME} }} }} {_PAGE_INFO} }}
    buckets(first: 500) {{ edges {{ node {{ {_BUCKET} }} }} {_PAGE_INFO} }}
  }}
  {more}
}}"""


SNAPSHOT = _snapshot("")
SNAPSHOT_WITH_TOKENS = _snapshot(_TOKENS)
"""The same query with the list of the project's tokens, which not every token may read."""
SERVICES_HERE = f"""
query servicesHere($id: String!) {{
  environment(id: $id) {{
    deletedAt
    serviceInstances(first: 500) {{ edges {{ node {{ serviceId }} }} {_PAGE_INFO} }}
  }}
}}"""
MORE_SERVICES_HERE = _further("environment", "serviceInstances", "serviceId")
_ENVIRONMENT_USE = f"""id name deletedAt canAccess
      serviceInstances(first: 500) {{ edges {{ node {{ serviceId }} }} {_PAGE_INFO} }}"""
SERVICE_USE = f"""
query serviceUse($id: String!) {{
  project(id: $id) {{
    id
    environments(first: 500) {{ edges {{ node {{ {_ENVIRONMENT_USE} }} }} {_PAGE_INFO} }}
    services(first: 500) {{ edges {{ node {{ {_SERVICE} }} }} {_PAGE_INFO} }}
  }}
}}"""
"""Every service of a project, and which of its environments have an instance of each."""
MORE_ENVIRONMENT_USE = _further("project", "environments", _ENVIRONMENT_USE)

STAGED_CHANGES = """
query environmentStagedChanges($environmentId: String!) {
  environmentStagedChanges(environmentId: $environmentId) { id patch }
}"""
SERVICE_CREATE = """
mutation serviceCreate($input: ServiceCreateInput!) { serviceCreate(input: $input) { id name createdAt } }"""
SERVICE_UPDATE = """
mutation serviceUpdate($id: String!, $input: ServiceUpdateInput!) {
  serviceUpdate(id: $id, input: $input) { id name }
}"""
PATCH_COMMIT = """
mutation environmentPatchCommit($environmentId: String!, $patch: EnvironmentConfig, $message: String) {
  environmentPatchCommit(environmentId: $environmentId, patch: $patch, commitMessage: $message)
}"""
PATCH_STORE = """
mutation environmentPatchStore($environmentId: String!, $patch: EnvironmentConfig, $message: String) {
  environmentPatchCommit(environmentId: $environmentId, patch: $patch, commitMessage: $message, skipDeploys: true)
}"""
DEPLOY = """
mutation serviceInstanceDeployV2($serviceId: String!, $environmentId: String!) {
  serviceInstanceDeployV2(serviceId: $serviceId, environmentId: $environmentId)
}"""

VOLUME_CREATE = """
mutation volumeCreate($input: VolumeCreateInput!) { volumeCreate(input: $input) { id name } }"""
VOLUME_INSTANCE_UPDATE = """
mutation volumeInstanceUpdate($volumeId: String!, $environmentId: String, $input: VolumeInstanceUpdateInput!) {
  volumeInstanceUpdate(volumeId: $volumeId, environmentId: $environmentId, input: $input)
}"""
VOLUME_DELETE = "mutation volumeDelete($volumeId: String!) { volumeDelete(volumeId: $volumeId) }"

SERVICE_DOMAIN_CREATE = """
mutation serviceDomainCreate($input: ServiceDomainCreateInput!) {
  serviceDomainCreate(input: $input) { id domain targetPort }
}"""
SERVICE_DOMAIN_UPDATE = """
mutation serviceDomainUpdate($input: ServiceDomainUpdateInput!) { serviceDomainUpdate(input: $input) }"""
SERVICE_DOMAIN_DELETE = "mutation serviceDomainDelete($id: String!) { serviceDomainDelete(id: $id) }"

CUSTOM_DOMAIN_CREATE = """
mutation customDomainCreate($input: CustomDomainCreateInput!) { customDomainCreate(input: $input) { id domain } }"""
CUSTOM_DOMAIN_UPDATE = """
mutation customDomainUpdate($id: String!, $environmentId: String!, $targetPort: Int) {
  customDomainUpdate(id: $id, environmentId: $environmentId, targetPort: $targetPort)
}"""
CUSTOM_DOMAIN_DELETE = "mutation customDomainDelete($id: String!) { customDomainDelete(id: $id) }"

_TCP_PROXY = "id domain proxyPort applicationPort deletedAt"

LATEST_DEPLOYMENT = """
query latestDeployment($serviceId: String!, $environmentId: String!) {
  serviceInstance(serviceId: $serviceId, environmentId: $environmentId) { latestDeployment { id status } }
}"""
DEPLOYMENT_LIST = """
query deploymentList($input: DeploymentListInput!, $first: Int) {
  deployments(input: $input, first: $first) { edges { node { id status createdAt meta } } }
}"""
DEPLOYMENT_FIELDS = "id status createdAt serviceId meta url staticUrl"
DEPLOYMENT_LOGS = """
query deploymentLogs($id: String!, $limit: Int) {
  deploymentLogs(deploymentId: $id, limit: $limit) { message timestamp }
}"""
BUILD_LOGS = """
query buildLogs($id: String!, $limit: Int) {
  buildLogs(deploymentId: $id, limit: $limit) { message timestamp }
}"""


def services_now(count: int) -> str:
    """Return a query for the config of `$environmentId` and the instances of `count` of its services.

    The services are the variables `$s0`, `$s1`, …; their instances have the aliases `s0`, `s1`, …
    """
    variables = ", ".join(f"$s{index}: String!" for index in range(count))
    fields = " ".join(
        f"s{index}: serviceInstance(environmentId: $environmentId, serviceId: $s{index}) {{ {_INSTANCE} }}"
        for index in range(count)
    )
    return f"""
query environmentNow($environmentId: String!, {variables}) {{
  environment(id: $environmentId) {{ id name deletedAt config(decryptVariables: true) }}
  {fields}
}}"""


def service_deletions(count: int) -> str:
    """Return one document that deletes `count` services, `$s0`, `$s1`, …, from `$environmentId`, one after another."""
    variables = ", ".join(f"$s{index}: String!" for index in range(count))
    fields = " ".join(
        f"s{index}: serviceDelete(id: $s{index}, environmentId: $environmentId)" for index in range(count)
    )
    return f"mutation serviceDeletions($environmentId: String!, {variables}) {{ {fields} }}"


def unscoped_deletions(count: int) -> str:
    """Return one document that deletes `count` services, `$s0`, `$s1`, …, from their project, one after another."""
    variables = ", ".join(f"$s{index}: String!" for index in range(count))
    fields = " ".join(f"s{index}: serviceDelete(id: $s{index})" for index in range(count))
    return f"mutation unscopedDeletions({variables}) {{ {fields} }}"


def deployments(count: int) -> str:
    """Return one query for `count` deployments, each under an alias `d0`, `d1`, … and a variable of that name."""
    variables = ", ".join(f"$d{index}: String!" for index in range(count))
    fields = " ".join(f"d{index}: deployment(id: $d{index}) {{ {DEPLOYMENT_FIELDS} }}" for index in range(count))
    return f"query deployments({variables}) {{ {fields} }}"


def details(deployments: int, services: int, addressed: int = 0) -> str:
    """Return one query for the details of deployments and services that the query of an environment lacks.

    Args:
        deployments: how many deployments, `$d0`, `$d1`, …; the answer `d0` has the variables that it runs with.
        services: how many services of `$environmentId`, `$s0`, `$s1`, …; the answer `s0` has its TCP proxies.
        addressed: how many services of `$projectId` and `$environmentId`, `$v0`, `$v1`, …; the answer `v0` has the
            variables that a deployment made now would get, including Railway's own.
    """
    variables = [f"$d{n}: String!" for n in range(deployments)]
    fields = [f"d{n}: deploymentSnapshot(deploymentId: $d{n}) {{ variables }}" for n in range(deployments)]
    variables += ["$environmentId: String!"] if services or addressed else []
    if services:
        variables += [f"$s{n}: String!" for n in range(services)]
        fields += [
            f"s{n}: tcpProxies(environmentId: $environmentId, serviceId: $s{n}) {{ {_TCP_PROXY} }}"
            for n in range(services)
        ]
    if addressed:
        variables += ["$projectId: String!", *(f"$v{n}: String!" for n in range(addressed))]
        fields += [
            f"v{n}: variables(projectId: $projectId, environmentId: $environmentId, serviceId: $v{n})"
            for n in range(addressed)
        ]
    return f"query details({', '.join(variables)}) {{ {' '.join(fields)} }}"

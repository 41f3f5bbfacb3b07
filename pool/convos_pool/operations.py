"""Every GraphQL document that the pool manager sends. Each operation has a name of its own, which errors contain."""

from __future__ import annotations

_AGENT = """
fragment agent on ServiceInstance {
  serviceId serviceName createdAt deletedAt source { image } domains { serviceDomains { domain } }
  latestDeployment { id status createdAt meta } }"""
PROJECT_TOKEN = "query poolProjectToken { projectToken { projectId environmentId } }"  # noqa: S105
INSTANCES = (
    """query agents($environmentId: String!, $first: Int!, $after: String) {
  environment(id: $environmentId) { id deletedAt
    serviceInstances(first: $first, after: $after) {
      edges { node { ...agent } }
      pageInfo { hasNextPage endCursor } } } }"""
    + _AGENT
)
ENVIRONMENT = """query agentEnvironment($environmentId: String!) {
  environment(id: $environmentId) { id sourceEnvironment { id } } }"""
CONFIG = """query agentVariables($environmentId: String!) {
  environment(id: $environmentId) { id config(decryptVariables: true) } }"""
VOLUMES = """query agentVolumes($environmentId: String!, $first: Int!, $after: String) {
  environment(id: $environmentId) { id
    volumeInstances(first: $first, after: $after) {
      edges { node { volumeId serviceId deletedAt isPendingDeletion } }
      pageInfo { hasNextPage endCursor } } } }"""
BEFORE_CLAIM = (
    """query agentBeforeClaim($projectId: String!, $environmentId: String!, $serviceId: String!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) { ...agent }
  variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: true) }"""
    + _AGENT
)
PROJECT_USE = """query projectUse($projectId: String!, $first: Int!) {
  project(id: $projectId) { id
    services(first: $first) { edges { node { id } } } volumes(first: $first) { edges { node { id } } } } }"""
_USED_IN = """id deletedAt canAccess
      serviceInstances(first: $first) { edges { node { serviceId } } pageInfo { hasNextPage endCursor } }"""
SERVICE_USE = f"""query agentServiceUse($projectId: String!, $first: Int!, $after: String) {{
  project(id: $projectId) {{ id
    environments(first: $first, after: $after) {{
      edges {{ node {{ {_USED_IN} }} }} pageInfo {{ hasNextPage endCursor }} }}
    services(first: $first) {{ edges {{ node {{ id name deletedAt }} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"""
SERVICES = """query agentServices($projectId: String!, $first: Int!, $after: String) {
  project(id: $projectId) { id
    services(first: $first, after: $after) {
      edges { node { id name deletedAt } } pageInfo { hasNextPage endCursor } } } }"""
SERVICES_IN = """query agentServicesIn($environmentId: String!, $first: Int!, $after: String) {
  environment(id: $environmentId) { id
    serviceInstances(first: $first, after: $after) {
      edges { node { serviceId } } pageInfo { hasNextPage endCursor } } } }"""
POOL_PLACE = """query poolPlace($projectId: String!, $environmentId: String!) {
  project(id: $projectId) { id workspaceId } environment(id: $environmentId) { id name } }"""
AGENT_PROJECTS = (
    """query agentProjects($workspaceId: String!, $first: Int!, $after: String) {
  projects(workspaceId: $workspaceId, first: $first, after: $after) {
    edges { node { id name description createdAt deletedAt
      environments(first: 10) { edges { node { id createdAt
        serviceInstances(first: 10) { edges { node { ...agent } } }
        volumeInstances(first: 10) { edges { node { volumeId serviceId deletedAt isPendingDeletion } } } } } } } }
    pageInfo { hasNextPage endCursor } } }"""
    + _AGENT
)
AGENT_PROJECT = """query agentProject($projectId: String!) {
  project(id: $projectId) { id description services(first: 10) { edges { node { id name } } } } }"""
PROJECT_CREATE = """mutation agentProjectCreate($input: ProjectCreateInput!) {
  projectCreate(input: $input) { id environments(first: 1) { edges { node { id } } } } }"""
PROJECT_DELETE = "mutation agentProjectDelete($id: String!) { projectDelete(id: $id) }"
SERVICE_CREATE = "mutation agentCreate($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
VOLUME_CREATE = "mutation agentVolumeCreate($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"
DOMAIN_CREATE = """mutation agentDomainCreate($input: ServiceDomainCreateInput!) {
  serviceDomainCreate(input: $input) { domain } }"""
PATCH_COMMIT = """mutation agentCommit($environmentId: String!, $patch: EnvironmentConfig!, $message: String) {
  environmentPatchCommit(environmentId: $environmentId, patch: $patch, commitMessage: $message) }"""
DEPLOY = """mutation agentDeploy($environmentId: String!, $serviceId: String!) {
  serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId) }"""
RENAME = "mutation agentRename($id: String!, $name: String!) { serviceUpdate(id: $id, input: { name: $name }) { id } }"
SERVICE_DELETE = """mutation agentDelete($id: String!, $environmentId: String!) {
  serviceDelete(id: $id, environmentId: $environmentId) }"""
VOLUME_DELETE = "mutation agentVolumeDelete($id: String!) { volumeDelete(volumeId: $id) }"


def unscoped_deletions(count: int) -> str:
    """Return the document that deletes `count` services, the variables `$s0`, `$s1`, …, from their project."""
    asked = ", ".join(f"$s{number}: String!" for number in range(count))
    fields = " ".join(f"s{number}: serviceDelete(id: $s{number})" for number in range(count))
    return f"mutation agentsUnscopedDelete({asked}) {{ {fields} }}"


def configs(count: int) -> str:
    """Return the document that reads the configs of `count` environments: `$e0` under the alias `e0`, and so on."""
    asked = ", ".join(f"$e{number}: String!" for number in range(count))
    fields = " ".join(
        f"e{number}: environment(id: $e{number}) {{ id config(decryptVariables: true) }}" for number in range(count)
    )
    return f"query agentsVariables({asked}) {{ {fields} }}"

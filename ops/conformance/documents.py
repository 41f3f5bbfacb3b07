"""The GraphQL documents that only this suite sends; the others are the program's own."""

from __future__ import annotations

CONFIG = "query config($id: String!, $opened: Boolean) { environment(id: $id) { config(decryptVariables: $opened) } }"
ETAG = "query configEtag($id: String!) { environment(id: $id) { configEtag } }"
DEPLOYMENTS = """
query deployments($input: DeploymentListInput!) {
  deployments(input: $input, first: 20) { edges { node { id status meta } } }
}"""
VARIABLES = """
query variables($projectId: String!, $environmentId: String!, $serviceId: String, $unrendered: Boolean) {
  variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: $unrendered)
}"""
VARIABLES_OF_DEPLOYMENT = """
query variablesForServiceDeployment($projectId: String!, $environmentId: String!, $serviceId: String!) {
  variablesForServiceDeployment(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId)
}"""
VOLUME_INSTANCES = """
query volumeInstances($id: String!) {
  environment(id: $id) {
    volumeInstances { edges { node { id volumeId serviceId mountPath isPendingDeletion deletedAt } } }
  }
}"""
UPSERT = "mutation variableUpsert($input: VariableUpsertInput!) { variableUpsert(input: $input) }"
COLLECTION_UPSERT = """
mutation variableCollectionUpsert($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $input) }"""
VARIABLE_DELETE = "mutation variableDelete($input: VariableDeleteInput!) { variableDelete(input: $input) }"
SERVICE_DELETE = "mutation serviceDelete($id: String!) { serviceDelete(id: $id) }"
INSTANCE = """
query serviceInstance($environmentId: String!, $serviceId: String!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    startCommand numReplicas source { image } latestDeployment { id }
  }
}"""
INSTANCE_UPDATE = """
mutation serviceInstanceUpdate($serviceId: String!, $environmentId: String, $input: ServiceInstanceUpdateInput!) {
  serviceInstanceUpdate(serviceId: $serviceId, environmentId: $environmentId, input: $input)
}"""
REDEPLOY = """
mutation serviceInstanceRedeploy($serviceId: String!, $environmentId: String!) {
  serviceInstanceRedeploy(serviceId: $serviceId, environmentId: $environmentId)
}"""
LIMITS_UPDATE = """
mutation serviceInstanceLimitsUpdate($input: ServiceInstanceLimitsUpdateInput!) {
  serviceInstanceLimitsUpdate(input: $input)
}"""
LIMIT_OVERRIDE = """
query serviceInstanceLimitOverride($environmentId: String!, $serviceId: String!) {
  serviceInstanceLimitOverride(environmentId: $environmentId, serviceId: $serviceId)
}"""
STAGE_CHANGES = """
mutation environmentStageChanges($environmentId: String!, $input: EnvironmentConfig!) {
  environmentStageChanges(environmentId: $environmentId, input: $input) { id }
}"""
COMMIT_STAGED = """
mutation environmentPatchCommitStaged($environmentId: String!) {
  environmentPatchCommitStaged(environmentId: $environmentId, skipDeploys: true)
}"""
PREVIEW = """
mutation environmentPreviewChangeSet($environmentId: String!, $input: JSON!) {
  environmentPreviewChangeSet(environmentId: $environmentId, input: $input) { changeSet diagnostics }
}"""
APPLY = """
mutation environmentApplyChangeSet($environmentId: String!, $input: JSON!, $etag: String) {
  environmentApplyChangeSet(environmentId: $environmentId, input: $input, baseConfigEtag: $etag) { status }
}"""
VOLUME_UPDATE = """
mutation volumeUpdate($volumeId: String!, $input: VolumeUpdateInput!) {
  volumeUpdate(volumeId: $volumeId, input: $input) { name }
}"""
DOMAINS = """
query domains($projectId: String!, $environmentId: String!, $serviceId: String!) {
  domains(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) {
    serviceDomains { id domain targetPort } customDomains { id domain targetPort }
  }
}"""
CUSTOM_DOMAIN = """
query customDomain($id: String!, $projectId: String!) {
  customDomain(id: $id, projectId: $projectId) {
    status { verificationToken verificationDnsHost dnsRecords { recordType } }
  }
}"""
PROXIES = """
query tcpProxies($environmentId: String!, $serviceId: String!) {
  tcpProxies(environmentId: $environmentId, serviceId: $serviceId) { id domain applicationPort }
}"""
PROXY_CREATE = """
mutation tcpProxyCreate($input: TCPProxyCreateInput!) { tcpProxyCreate(input: $input) { id } }"""
SNAPSHOT_VARIABLES = """
query deploymentSnapshot($id: String!) { deploymentSnapshot(deploymentId: $id) { variables } }"""
ME = "query me { me { id } }"
API_TOKEN = "query apiToken { apiToken { workspaces { id } } }"  # noqa: S105
TEAM = """
query workspace($id: String!) { workspace(workspaceId: $id) { id team { id } } }"""
TWO_FACTOR = "query twoFactorInfo { twoFactorInfo { isVerified } }"
SERVICE = "query service($id: String!) { service(id: $id) { name } }"
VARIABLE_SERVICES = """
query variableServices($id: String!) { environment(id: $id) { variables { edges { node { service { id } } } } } }"""
TEMPLATE = 'query template { template(code: "postgres") { name serializedConfig } }'
SCHEMA = "query schema { __schema { queryType { name } } }"
DISPLAYED_TOKENS = """
query displayedTokens($projectId: String!) {
  projectTokens(projectId: $projectId) { edges { node { name displayToken } } }
}"""
ENVIRONMENTS = """
query environments($id: String!, $after: String) {
  project(id: $id) {
    environments(first: 1, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } }
  }
}"""
ENVIRONMENT = "query environment($id: String!) { environment(id: $id) { id deletedAt } }"
NOT_A_FIELD = "query notAField { thisIsNoField }"
NOT_A_DOCUMENT = "query notADocument { "
DEPLOYMENT_UPDATES = "subscription deploymentUpdates($id: String!) { deployment(id: $id) { id status } }"
LOG_LINES = """
subscription logLines($id: String!, $limit: Int) {
  deploymentLogs(deploymentId: $id, filter: "", limit: $limit) { timestamp message }
}"""

"""Documents as jamesprnich's Terraform provider sends them: what each resource makes, reads and deletes."""

from __future__ import annotations

PROJECT = "fragment P on Project { id name description isPublic prDeploys environments { edges { node { id name } } } }"
CREATE_PROJECT = f"mutation c($input: ProjectCreateInput!) {{ projectCreate(input: $input) {{ ...P }} }} {PROJECT}"
UPDATE_PROJECT = f"""mutation u($id: String!, $input: ProjectUpdateInput!) {{
  projectUpdate(id: $id, input: $input) {{ ...P }}
}} {PROJECT}"""
READ_PROJECT = f"query r($id: String!) {{ project(id: $id) {{ ...P }} }} {PROJECT}"
DELETE_PROJECT = "mutation d($id: String!) { projectDelete(id: $id) }"
ENVIRONMENTS = """query e($projectId: String!) { environments(projectId: $projectId) { edges { node {
  id name projectId isEphemeral unmergedChangesCount sourceEnvironment { id }
} } } }"""
RENAME_ENVIRONMENT = """mutation r($id: String!, $input: EnvironmentRenameInput!) {
  environmentRename(id: $id, input: $input) { id name sourceEnvironment { id } }
}"""
DELETE_ENVIRONMENT = "mutation d($id: String!) { environmentDelete(id: $id) }"
CREATE_SERVICE = "mutation c($input: ServiceCreateInput!) { serviceCreate(input: $input) { id name projectId } }"
READ_SERVICE = "query r($id: String!) { service(id: $id) { id name projectId } }"
INSTANCES = "query i($id: String!) { service(id: $id) { serviceInstances { edges { node { id environmentId } } } } }"
DELETE_SERVICE = "mutation d($id: String!) { serviceDelete(id: $id) }"
UPDATE_INSTANCE = """
mutation u($environmentId: String!, $serviceId: String!, $input: ServiceInstanceUpdateInput!) {
  serviceInstanceUpdate(environmentId: $environmentId, serviceId: $serviceId, input: $input)
}"""
READ_INSTANCE = """query r($environmentId: String!, $serviceId: String!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    source { image repo } rootDirectory railwayConfigFile cronSchedule buildCommand startCommand region numReplicas
    healthcheckPath healthcheckTimeout restartPolicyType restartPolicyMaxRetries sleepApplication builder
  }
}"""
LIMITS = "mutation l($input: ServiceInstanceLimitsUpdateInput!) { serviceInstanceLimitsUpdate(input: $input) }"
DEPLOY = """mutation d($environmentId: String!, $serviceId: String!) {
  serviceInstanceDeploy(environmentId: $environmentId, serviceId: $serviceId)
}"""
REDEPLOY = DEPLOY.replace("serviceInstanceDeploy", "serviceInstanceRedeploy")
VOLUME = """fragment V on Volume {
  id name volumeInstances { edges { node { id environmentId serviceId mountPath sizeMB state } } }
}"""
CREATE_VOLUME = f"mutation c($input: VolumeCreateInput!) {{ volumeCreate(input: $input) {{ ...V }} }} {VOLUME}"
RENAME_VOLUME = f"""mutation r($id: String!, $input: VolumeUpdateInput!) {{
  volumeUpdate(volumeId: $id, input: $input) {{ ...V }}
}} {VOLUME}"""
MOVE_VOLUME = """mutation m($id: String!, $input: VolumeInstanceUpdateInput!) {
  volumeInstanceUpdate(volumeId: $id, environmentId: null, input: $input)
}"""
VOLUMES = f"query v($id: String!) {{ project(id: $id) {{ volumes {{ edges {{ node {{ ...V }} }} }} }} }} {VOLUME}"
DELETE_VOLUME = "mutation d($id: String!) { volumeDelete(volumeId: $id) }"
UPSERT = "mutation u($input: VariableUpsertInput!) { variableUpsert(input: $input) }"
COLLECTION = "mutation u($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $input) }"
DELETE_VARIABLE = "mutation d($input: VariableDeleteInput!) { variableDelete(input: $input) }"
VARIABLES = """query v($projectId: String!, $environmentId: String!, $serviceId: String) {
  variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: true)
}"""
DOMAINS = """query d($projectId: String!, $environmentId: String!, $serviceId: String!) {
  domains(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) {
    serviceDomains { id domain suffix environmentId serviceId }
    customDomains {
      id domain targetPort environmentId serviceId status {
        verified verificationDnsHost verificationToken
        dnsRecords { recordType purpose hostlabel requiredValue zone }
      }
    }
  }
}"""
CREATE_DOMAIN = "mutation c($input: ServiceDomainCreateInput!) { serviceDomainCreate(input: $input) { id suffix } }"
UPDATE_DOMAIN = "mutation u($input: ServiceDomainUpdateInput!) { serviceDomainUpdate(input: $input) }"
DELETE_DOMAIN = "mutation d($id: String!) { serviceDomainDelete(id: $id) }"
CREATE_CUSTOM = "mutation c($input: CustomDomainCreateInput!) { customDomainCreate(input: $input) { id } }"
UPDATE_CUSTOM = """mutation u($environmentId: String!, $id: String!, $targetPort: Int) {
  customDomainUpdate(environmentId: $environmentId, id: $id, targetPort: $targetPort)
}"""
DELETE_CUSTOM = "mutation d($id: String!) { customDomainDelete(id: $id) }"
CREATE_PROXY = "mutation c($input: TCPProxyCreateInput!) { tcpProxyCreate(input: $input) { id proxyPort domain } }"
PROXIES = """query p($environmentId: String!, $serviceId: String!) {
  tcpProxies(environmentId: $environmentId, serviceId: $serviceId) { id applicationPort domain proxyPort }
}"""
DELETE_PROXY = "mutation d($id: String!) { tcpProxyDelete(id: $id) }"
CREATE_TOKEN = "mutation c($input: ProjectTokenCreateInput!) { projectTokenCreate(input: $input) }"
TOKENS = """query t($projectId: String!) {
  projectTokens(projectId: $projectId, first: 1000) { edges { node { id name projectId environmentId } } }
}"""
DELETE_TOKEN = "mutation d($id: String!) { projectTokenDelete(id: $id) }"

// Azure Managed Redis: the store that replicas share. Access by Entra tokens alone.

@description('Name of the cluster.')
@minLength(1)
@maxLength(60)
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the workspace for logs.')
param workspaceId string

@description('Object id of the identity that uses the store.')
param appPrincipalId string

@description('Size, such as Balanced_B0.')
param sku string

@description('Whether a second node takes over when one fails.')
param highAvailability bool

@description('Whether the cluster is reached by its private endpoint only.')
param isPrivate bool

@description('Versioned URL of the customer-managed key; empty for keys of the platform.')
param keyUrl string

@description('Resource id of the identity that may use the key.')
param keyIdentityId string

var useKey = !empty(keyUrl)

resource cluster 'Microsoft.Cache/redisEnterprise@2025-07-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  identity: useKey ? { type: 'UserAssigned', userAssignedIdentities: { '${keyIdentityId}': {} } } : null
  properties: {
    minimumTlsVersion: '1.2'
    highAvailability: highAvailability ? 'Enabled' : 'Disabled'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    encryption: useKey ? { customerManagedKeyEncryption: { keyEncryptionKeyUrl: keyUrl, keyEncryptionKeyIdentity: { identityType: 'userAssignedIdentity', userAssignedIdentityResourceId: keyIdentityId } } } : null
  }
}

// One slot for all keys, scripts and blocking pops: no cluster-aware client. Nothing is evicted, every second is on disk.
resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' = {
  parent: cluster
  name: 'default'
  properties: {
    clientProtocol: 'Encrypted'
    port: 10000
    accessKeysAuthentication: 'Disabled'
    clusteringPolicy: 'EnterpriseCluster'
    evictionPolicy: 'NoEviction'
    persistence: { aofEnabled: true, aofFrequency: '1s', rdbEnabled: false }
  }
}

resource access 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2025-07-01' = {
  parent: database
  name: 'interpreter'
  properties: {
    accessPolicyName: 'default'
    user: { objectId: appPrincipalId }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: cluster
  name: 'all'
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id of the cluster.')
output id string = cluster.id

@description('Name of the cluster.')
output name string = cluster.name

@description('Address for the service: the identity is the user, its token the password.')
output address string = 'rediss://${appPrincipalId}@${cluster.properties.hostName}:${database.properties.port}/0'

// Storage for events that could not be delivered. No shared keys.

@description('Name of the account.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the workspace for logs.')
param workspaceId string

@description('Whether copies are kept in several zones.')
param zoneRedundant bool

@description('Versioned URL of the customer-managed key; empty for keys of the platform.')
param keyUrl string

@description('Resource id of the identity that may use the key.')
param keyIdentityId string

var useKey = !empty(keyUrl)
var keyParts = split(useKey ? keyUrl : 'https://none/keys/none/none', '/')
var platformEncryption = {
  keySource: 'Microsoft.Storage'
  requireInfrastructureEncryption: true
  services: { blob: { enabled: true, keyType: 'Account' } }
}
var ownEncryption = {
  keySource: 'Microsoft.Keyvault'
  requireInfrastructureEncryption: true
  identity: { userAssignedIdentity: keyIdentityId }
  keyvaultproperties: { keyvaulturi: 'https://${keyParts[2]}', keyname: keyParts[4], keyversion: keyParts[5] }
  services: { blob: { enabled: true, keyType: 'Account' } }
}

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  identity: useKey ? { type: 'UserAssigned', userAssignedIdentities: { '${keyIdentityId}': {} } } : null
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
    networkAcls: { defaultAction: 'Deny', bypass: 'AzureServices' }
    encryption: useKey ? ownEncryption : platformEncryption
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource undelivered 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: 'undelivered-events'
  properties: { publicAccess: 'None' }
}

// The events name people's identities; a month is enough to see what went wrong.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-after-a-month'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: [undelivered.name] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 30 } } }
          }
        }
      ]
    }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'all'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

@description('Resource id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Name of the container for undelivered events.')
output containerName string = undelivered.name
